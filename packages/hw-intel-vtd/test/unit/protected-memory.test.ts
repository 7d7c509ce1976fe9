import { Access } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

describe('protected memory', () => {
  const make = (): VtdRig => {
    const rig = new VtdRig({ preset: 'xeon-skylake-sp' });
    rig.unit.write32(0x68, 0x20_0000);
    rig.unit.write32(0x6c, 0x40_0000);
    rig.write(0x70, 0x1_0000_0000n);
    rig.write(0x78, 0x1_0020_0000n);
    return rig;
  };

  it('keeps DMA out of both ranges while enabled, up to the end of the last 2 MiB', () => {
    const rig = make();
    expect(rig.ask(8, 0x20_0000n)).toBe('0x200000');
    rig.unit.write32(0x64, 0x8000_0000 | 0);
    expect(rig.unit.read32(0x64)).toBe(0x8000_0001 | 0);
    expect(rig.ask(8, 0x1f_f000n)).toBe('0x1ff000');
    expect(rig.ask(8, 0x20_0000n)).toBe('READ_DENIED');
    expect(rig.ask(8, 0x5f_f000n, Access.WRITE)).toBe('WRITE_DENIED');
    expect(rig.ask(8, 0x60_0000n)).toBe('0x600000');
    expect(rig.ask(8, 0x1_003f_f000n)).toBe('READ_DENIED');
    expect(rig.ask(8, 0x1_0040_0000n)).toBe('0x100400000');
    rig.unit.write32(0x64, 0);
    expect(rig.unit.read32(0x64)).toBe(0);
    expect(rig.ask(8, 0x20_0000n)).toBe('0x200000');
  });

  it('records no fault: no translation structure was asked', () => {
    const rig = make();
    rig.unit.write32(0x64, 0x8000_0000 | 0);
    rig.ask(8, 0x20_0000n);
    expect(rig.unit.read32(0x34)).toBe(0);
  });

  it('keeps translated requests out as well, those that the IOTLB knows too', () => {
    const rig = make();
    rig.map(rig.context(8, 5), 0x4000_0000n, 0x20_0003n);
    rig.map(rig.load(rig.contextAt(8)) & ~0xfffn, 0x4000_1000n, 0x60_0003n);
    rig.enable();
    const ask = (): string[] => [0x4000_0000n, 0x4000_1000n].map((iova) => rig.ask(8, iova));
    expect(ask()).toEqual(['0x200000', '0x600000']);
    expect(ask()).toEqual(['0x200000', '0x600000']);
    rig.unit.write32(0x64, 0x8000_0000 | 0);
    expect(ask()).toEqual(['READ_DENIED', '0x600000']);
    expect(ask(), 'also after the other one was served').toEqual(['READ_DENIED', '0x600000']);
    rig.unit.write32(0x64, 0);
    expect(ask()).toEqual(['0x200000', '0x600000']);
  });

  it('is absent without PLMR and PHMR', () => {
    const rig = new VtdRig();
    rig.unit.write32(0x64, 0x8000_0000 | 0);
    expect(rig.unit.read32(0x64)).toBe(0);
  });
});
