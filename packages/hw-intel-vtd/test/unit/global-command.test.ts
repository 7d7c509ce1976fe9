import { describe, expect, it } from 'vitest';
import { VTD_PRESETS } from '../../src/index.js';
import { VtdRig } from './rig.js';

const GCMD = 0x18;
const GSTS = 0x1c;
const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;

const status = (rig: VtdRig): number => rig.unit.read32(GSTS) >>> 0;

describe('global command', () => {
  it('is write-only; its status follows', () => {
    const rig = new VtdRig();
    rig.unit.write32(GCMD, 0x4000_0000);
    expect(rig.unit.read32(GCMD)).toBe(0);
    expect(status(rig)).toBe(0x4000_0000);
    rig.unit.write32(GCMD, 0x0400_0000);
    rig.unit.write32(GCMD, 0x8400_0000 | 0);
    expect(status(rig), 'RTPS stays, the others are levels').toBe(0xc400_0000);
  });

  it('shows what Linux leaves behind', () => {
    const rig = new VtdRig({ preset: 'qemu-q35-39bit' });
    // linux-tables: GSTS 0xC7000000 is TES, RTPS, QIES, IRES, IRTPS.
    rig.unit.write32(GCMD, 0x4000_0000);
    rig.unit.write32(GCMD, 0x0400_0000);
    rig.unit.write32(GCMD, 0x0500_0000);
    rig.unit.write32(GCMD, 0x0600_0000);
    rig.unit.write32(GCMD, 0x8600_0000 | 0);
    expect(status(rig)).toBe(0xc700_0000);
  });

  it('takes the root table only when SRTP says so', () => {
    const rig = new VtdRig({ caches: false });
    rig.map(rig.context(DEVICE, 5), IOVA, 0x1_0000_0003n);
    rig.enable();
    rig.write(0x20, 0x50_0000n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
    rig.unit.write32(GCMD, 0xc400_0000 | 0);
    expect(rig.ask(DEVICE, IOVA)).toBe('ROOT_NOT_PRESENT');
  });

  it('lets everything pass while TE is clear', () => {
    const rig = new VtdRig();
    expect(rig.ask(DEVICE, 0xfee0_0000n)).toBe('0xfee00000');
    expect(rig.ask(DEVICE, 0xffff_ffff_ffff_f000n)).toBe('0xfffffffffffff000');
  });

  it.each([
    ['a unit with scalable mode', VTD_PRESETS.full.ecap, '0x180000000'],
    ['a unit without', VTD_PRESETS.full.ecap & ~(1n << 43n), '0x100000000'],
  ])('switching translation off: the caches of %s', (_, ecap, answer) => {
    const rig = new VtdRig({ preset: 'full', ecap });
    const at = rig.map(rig.context(DEVICE, 5), IOVA, 0x1_0000_0003n);
    rig.enable();
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
    rig.store(at, 0x1_8000_0003n);
    rig.unit.write32(GCMD, 0x0400_0000);
    rig.unit.write32(GCMD, 0x8400_0000 | 0);
    expect(rig.ask(DEVICE, IOVA)).toBe(answer);
  });

  it('reset brings power-on back', () => {
    const rig = new VtdRig().enable();
    rig.ask(DEVICE, IOVA);
    rig.unit.reset();
    expect([status(rig), rig.register(0x20), rig.unit.read32(0x34), rig.unit.read32(0x38)]).toEqual([
      0,
      0n,
      0,
      0x8000_0000 | 0,
    ]);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x40000000');
  });
});
