import { describe, expect, it } from 'vitest';
import { secondStageFormat } from '../../src/index.js';

const qemu = {
  hostAddressWidth: 48,
  superpage2M: true,
  superpage1G: true,
  snoopControl: false,
  deviceTlb: false,
  execute: false,
};

describe('second-stage format', () => {
  // Reserved bits as another model of the unit has them for 48-bit addresses (QEMU's masks).
  it.each([
    [1, 0x400f_0000_0000_0800n],
    [2, 0x400f_0000_001f_f800n],
    [3, 0x400f_0000_3fff_f800n],
  ])('pages of level %i', (number, reserved) => {
    expect(secondStageFormat(qemu).levels[number - 1]?.leaf?.reserved).toBe(reserved);
  });

  it('tables: bit 11, bit 62, the address width; bit 7 where there are no pages', () => {
    const { levels } = secondStageFormat(qemu);
    expect(levels.map(({ table }) => table?.reserved)).toEqual([
      undefined,
      ...[0x800n, 0x800n, 0x880n, 0x880n].map((low) => 0x400f_0000_0000_0000n | low),
    ]);
  });

  it('without large pages bit 7 is reserved at levels 2 and 3 as well', () => {
    const { levels } = secondStageFormat({ ...qemu, superpage2M: false, superpage1G: false });
    expect(levels.slice(1).every(({ table, leaf }) => leaf === null && (table!.reserved & 0x80n) !== 0n)).toBe(true);
  });

  it('SNP and TM belong to units with snoop control and device TLBs', () => {
    const [level] = secondStageFormat({ ...qemu, snoopControl: true, deviceTlb: true }).levels;
    expect(level?.leaf?.reserved).toBe(0x000f_0000_0000_0000n);
  });

  it('X is a right only with SSEE', () => {
    expect(secondStageFormat(qemu)).toMatchObject({ present: 3n, permissions: { execute: 0n } });
    expect(secondStageFormat({ ...qemu, execute: true })).toMatchObject({ present: 7n, permissions: { execute: 4n } });
  });
});
