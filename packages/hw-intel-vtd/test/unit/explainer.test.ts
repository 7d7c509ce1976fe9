import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;

describe('explain', () => {
  it('names every entry of a legacy walk, where it lies and what it says', () => {
    const rig = new VtdRig();
    const root = rig.context(DEVICE, 5);
    const at = rig.map(root, IOVA, PA | 1n);
    rig.enable();
    const walk = rig.unit.explain(DEVICE, NO_PASID, IOVA | 0x123n, Access.READ);
    expect(walk.steps.map(({ what }) => what)).toEqual([
      'root entry',
      'context entry',
      'SS-PTE level 4',
      'SS-PTE level 3',
      'SS-PTE level 2',
      'SS-PTE level 1',
    ]);
    expect(walk.steps[1]).toMatchObject({
      address: rig.contextAt(DEVICE),
      fields: { P: 1n, DID: 5n, AW: 2n, SSPTPTR: root >> 12n },
    });
    expect(walk.steps[5]).toMatchObject({ address: at, words: [PA | 1n], fields: { R: 1n, W: 0n, ADDR: PA >> 12n } });
    expect(walk).toMatchObject({
      pa: PA | 0x123n,
      pageBytes: 4096n,
      readable: true,
      writable: false,
      fault: undefined,
    });
  });

  it('shows both stages of a nested walk in the order they are read', () => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const [host, guest] = [rig.page(), rig.page()];
    rig.mapFirst(guest, IOVA, 0x7000_0067n);
    rig.map(host, 0x20_0000n, 0x83n | 0x20_0000n, { level: 2 });
    rig.map(host, 0x7000_0000n, PA | 3n);
    rig.pasid(directory, 1, { q0: host | 0xc9n, q1: 5n, q2: guest });
    rig.enable('scalable');
    const { steps, pa } = rig.unit.explain(DEVICE, 1, IOVA, Access.READ);
    expect(pa).toBe(PA);
    const names = steps.map(({ what }) => what);
    expect(names.slice(0, 4)).toEqual([
      'scalable-mode root entry',
      'scalable-mode context entry',
      'PASID directory entry',
      'PASID entry',
    ]);
    // Each of four first-stage entries behind three second-stage ones (a 2 MiB page), then four for the page itself.
    expect(names.filter((name) => name.startsWith('FS'))).toEqual([4, 3, 2, 1].map((level) => `FS-PTE level ${level}`));
    expect(names).toHaveLength(4 + 4 * (3 + 1) + 4);
    expect(names.at(-1)).toBe('SS-PTE level 1');
  });

  it('tells the fault, records nothing, fills no cache and counts nothing', () => {
    const rig = new VtdRig();
    const root = rig.context(DEVICE, 5);
    rig.enable();
    const walk = rig.unit.explain(DEVICE, NO_PASID, IOVA, Access.WRITE);
    expect(walk.fault).toEqual({ code: 5, name: 'WRITE_DENIED' });
    expect(rig.unit.read32(0x34)).toBe(0);
    expect(rig.unit.counters).toMatchObject({ translations: 0, faults: 0, walkReads: 0 });
    rig.map(root, IOVA, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('looks at the tables and not at the caches', () => {
    const rig = new VtdRig();
    const at = rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
    rig.enable();
    rig.ask(DEVICE, IOVA);
    rig.store(at, 0n);
    expect(rig.unit.explain(DEVICE, NO_PASID, IOVA, Access.READ).pa).toBeUndefined();
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});
