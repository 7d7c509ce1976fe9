import { describe, expect, it } from 'vitest';
import { VTD_PRESETS } from '../../src/index.js';
import { Capabilities } from '../../src/unit/capabilities.js';
import { vtdRegisters } from '../../src/unit/registers.js';
import { VtdRig } from './rig.js';

const offsets = (preset: keyof typeof VTD_PRESETS): Record<string, number> => {
  const { cap, ecap, hostAddressWidth, version } = VTD_PRESETS[preset];
  return Object.fromEntries(
    vtdRegisters(new Capabilities(cap, ecap, hostAddressWidth), version).map(({ name, offset }) => [name, offset]),
  );
};

describe('registers', () => {
  it('lie where FRO and IRO put them', () => {
    expect(offsets('qemu-q35-39bit')).toMatchObject({ 'FRCD0 low': 0x220, IVA: 0xf0, IOTLB: 0xf8 });
    expect(offsets('xeon-skylake-sp')).toMatchObject({ 'FRCD7 high': 0x178, IVA: 0x200, IOTLB: 0x208 });
    expect(offsets('xeon-sapphire-rapids')).toMatchObject({ 'FRCD0 low': 0x400, IVA: 0x500, IOTLB: 0x508 });
  });

  it('are there only with their feature', () => {
    expect(offsets('qemu-q35-39bit')).not.toHaveProperty('PQH');
    expect(offsets('full')).toMatchObject({ PQH: 0xc0, PQT: 0xc8, PQA: 0xd0, PRS: 0xdc });
    const rig = new VtdRig();
    rig.write(0xd0, -1n);
    expect(rig.register(0xd0)).toBe(0n);
  });

  it.each([
    ['RTADDR', 0x20, 0xffff_ffff_ffff_fc00n],
    ['FEDATA', 0x3c, 0xffffn],
    ['FEADDR', 0x40, 0xffff_fffcn],
    ['IQT', 0x88, 0x7_fff0n],
    ['IQA', 0x90, 0xffff_ffff_ffff_f007n],
    ['IRTA', 0xb8, 0xffff_ffff_ffff_f80fn],
    ['CAP', 0x08, 0xd2_008c_222f_0686n],
  ])('%s keeps its writable bits', (_, offset, kept) => {
    const rig = new VtdRig();
    const bytes = kept > 0xffff_ffffn || offset >= 0x80 || offset === 0x08 ? 8 : 4;
    if (bytes === 8) rig.write(offset, -1n);
    else rig.unit.write32(offset, -1);
    expect(bytes === 8 ? rig.register(offset) : BigInt(rig.unit.read32(offset) >>> 0)).toBe(kept);
  });

  it('IQA.DW exists in scalable mode only', () => {
    const rig = new VtdRig({ preset: 'full' });
    rig.write(0x90, -1n);
    expect(rig.register(0x90)).toBe(0xffff_ffff_ffff_f807n);
  });
});
