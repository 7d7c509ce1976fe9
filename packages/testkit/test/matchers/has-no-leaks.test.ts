import { describe, expect, it } from 'vitest';
import '@ioasis/testkit/vitest';
import { assertNoLeaks, createTestMachine, eachBackend, leaksOf } from '../../src/index.js';
import { vendors } from '../vendors.js';

eachBackend(describe, vendors, (backend) => {
  it('passes after a machine was used, whatever its program left mapped', () => {
    const pc = createTestMachine({ backend });
    pc.map(pc.buffer(0x3000));
    expect(pc).toHaveNoLeaks();
    expect(() => assertNoLeaks(pc.close())).not.toThrow();
  });

  it('finds a page table that nobody freed', () => {
    const pc = createTestMachine({ backend });
    const domain = pc.machine.backend.allocPaging(pc.plugged.iommu, 0, undefined);
    if (typeof domain === 'number') throw new Error(`errno ${domain}`);
    expect(domain.mapPages(0, 0x40_0000, 1, 0, 12, 1, 3)).toBe(0);
    expect(pc).not.toHaveNoLeaks();
    expect(() => expect(pc).toHaveNoLeaks()).toThrow('frames of page tables');
  });
});

describe('toHaveNoLeaks', () => {
  const clean = { userFrames: 0, pins: 0, lockedPages: 0, chargedBytes: 0, tableFrames: 0, objects: [] };

  it('prints what is held', () => {
    const report = {
      ...clean,
      pins: 3,
      chargedBytes: 4096,
      objects: ['iommufd ioas 1', 'open VFIO device 0000:00:01.0'],
    };
    expect(() => expect(report).toHaveNoLeaks()).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the machine to be free of leaks after its end
      it holds
        3 pins of programs’ pages
        4096 bytes charged to the memory cgroup
        iommufd ioas 1
        open VFIO device 0000:00:01.0]
    `);
  });

  it('lists what is held for those who do not expect', () => {
    expect(leaksOf({ ...clean, pins: 3, objects: ['iommufd ioas 1'] })).toEqual([
      '3 pins of programs’ pages',
      'iommufd ioas 1',
    ]);
    expect(leaksOf({ close: () => clean })).toEqual([]);
  });

  it('says that nothing is held', () => {
    expect(() => expect(clean).not.toHaveNoLeaks()).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the machine not to be free of leaks after its end
      it holds nothing]
    `);
  });
});
