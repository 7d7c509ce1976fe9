import { createTestMachine } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { RiscvBackend, riscvIommu } from '../src/index.js';

describe('a machine with a RISC-V IOMMU', () => {
  it('serves a program, its device and its driver like any other', () => {
    const pc = createTestMachine({ backend: riscvIommu() });
    const buffer = pc.buffer(0x3000);
    const iova = pc.map(buffer);
    pc.dma.write(iova + 0xffen, Uint8Array.of(1, 2, 3, 4));
    expect([...buffer.read(0xffe, 4)]).toEqual([1, 2, 3, 4]);
    pc.unmap(iova, buffer.bytes);
    expect(pc.dma.read(iova, 4).status).toBe('blocked');
  });

  it('tells the driver of faults by interrupt', () => {
    const pc = createTestMachine({ backend: riscvIommu() });
    const { backend } = pc.machine;
    expect(backend).toBeInstanceOf(RiscvBackend);
    pc.dma.write(0x1_2345_6000n, Uint8Array.of(1));
    expect((backend as RiscvBackend).faults).toEqual([
      { name: 'WRITE_PAGE_FAULT', cause: 15, deviceId: pc.dma.requesterId, iova: 0x1_2345_6000n },
    ]);
  });

  it('refuses wrong options with one sentence', () => {
    expect(() => riscvIommu({ mode: 'sv32' as 'sv39' })).toThrow(/mode is "sv32", expected/);
  });
});
