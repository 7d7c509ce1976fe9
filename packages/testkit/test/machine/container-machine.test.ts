import { describe, expect, it } from 'vitest';
import { createContainerMachine, eachBackend } from '../../src/index.js';
import { vendors } from '../vendors.js';

eachBackend(describe, vendors, (backend) => {
  it.each(['type1', 'iommufd'] as const)('maps and unmaps through a container of %s', (personality) => {
    const pc = createContainerMachine({ backend, personality });
    const buffer = pc.buffer(Uint8Array.of(1, 2));
    pc.map(buffer, 0x20_0000n);
    expect([...pc.dma.read(0x20_0000n, 2).data]).toEqual([1, 2]);
    expect(pc.unmap(0x20_0000n, 0x1000n)).toBe(0x1000n);
    expect(pc.dma.read(0x20_0000n, 2).status).toBe('blocked');
    expect(pc.close()).toMatchObject({ pins: 0, objects: [] });
  });

  it('runs into dma_entry_limit', () => {
    const pc = createContainerMachine({ backend, limits: { dmaEntries: 2 } });
    const buffer = pc.buffer(0x1000);
    pc.map(buffer, 0x20_0000n);
    pc.map(buffer, 0x40_0000n);
    expect(() => pc.map(buffer, 0x60_0000n)).toThrow('ENOSPC');
  });
});
