import { Access, write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS } from '../../src/index.js';
import { PAGE, SmmuRig } from './rig.js';

const CR0 = 0x20;
const CR0ACK = 0x24;
const GBPA = 0x44;

describe('registers', () => {
  it('show the ID registers of the preset and ignore writes to them', () => {
    const { unit } = new SmmuRig();
    const { idr0, idr1, idr3, idr5, iidr, aidr } = SMMU_V3_PRESETS.server;
    const offsets: [number, number][] = [
      [0x00, idr0],
      [0x04, idr1],
      [0x08, 0],
      [0x0c, idr3],
      [0x14, idr5],
      [0x18, iidr],
      [0x1c, aidr],
    ];
    for (const [offset, value] of offsets) {
      unit.write32(offset, -1);
      expect(unit.read32(offset)).toBe(value);
    }
  });

  it('acknowledge CR0 with the bits that the unit has', () => {
    const rig = new SmmuRig();
    rig.unit.write32(CR0, -1);
    // SMMUEN, PRIQEN, EVENTQEN, CMDQEN, ATSCHK.
    expect(rig.read(CR0ACK)).toBe(0x1f);
    expect(rig.read(CR0)).toBe(0x1f);
    const wildcards = new SmmuRig({ idr0: SMMU_V3_PRESETS.server.idr0 | (1 << 17) });
    wildcards.unit.write32(CR0, -1);
    expect(wildcards.read(CR0ACK)).toBe(0x1df);
    const small = new SmmuRig({ preset: 'qemu-virt-7.2' });
    small.unit.write32(CR0, -1);
    expect(small.read(CR0ACK)).toBe(0xd);
    rig.unit.write32(0x50, -1);
    expect(rig.read(0x54)).toBe(7);
  });

  it('have none of the PRI queue without PRI', () => {
    const rig = new SmmuRig({ preset: 'qemu-virt-7.2' });
    for (const offset of [0x50, 0xc0, 0xd0, 0xd8, 0xdc, 0x1_00c8, 0x1_00cc]) rig.unit.write32(offset, 0x1_0007);
    expect([0xc0, 0xd0, 0xd8, 0xdc, 0xc8, 0xcc, 0x1_00c8, 0x1_00cc].map((offset) => rig.read(offset))).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    expect([0x50, 0x54].map((offset) => rig.read(offset))).toEqual([5, 5]);
  });

  it('change GBPA only with UPDATE, which reads 0 again', () => {
    const rig = new SmmuRig();
    expect(rig.read(GBPA)).toBe(0x1000);
    rig.unit.write32(GBPA, 1 << 20);
    expect(rig.read(GBPA)).toBe(0x1000);
    expect(rig.ask(0x10, 0x1234n)).toBe('0x1234');
    rig.unit.write32(GBPA, (1 << 31) | (1 << 20) | 0);
    expect(rig.read(GBPA)).toBe(1 << 20);
    expect(rig.ask(0x10, 0x1234n)).toBe('ABORT');
    expect(rig.unit.translation.fault).toMatchObject({ code: 0, recorded: 'disabled' });
    rig.unit.write32(GBPA, 0);
    expect(rig.read(GBPA)).toBe(1 << 20);
    rig.unit.reset();
    expect(rig.read(GBPA)).toBe(0x1000);
  });

  it('forbid ATS while translation is off, which is recorded', () => {
    const rig = new SmmuRig().enable();
    rig.unit.write32(CR0, 0xc);
    expect(rig.ask(0x10, 0x1234n, Access.READ | Access.TRANSLATION_REQUEST)).toBe('F_BAD_ATS_TREQ');
    expect(rig.ask(0x10, 0x1234n, Access.READ | Access.TRANSLATED)).toBe('F_TRANSL_FORBIDDEN');
    expect(rig.events().map(([word]) => Number(word! & 0xffn))).toEqual([5, 7]);
  });

  it('have the indexes of event and PRI queue in page 1, and everything of page 0 there too', () => {
    const rig = new SmmuRig();
    rig.unit.write32(0x1_00a8, 0x12);
    rig.unit.write32(0x1_00ac, 0x34);
    rig.unit.write32(0x1_00c8, 0x56);
    rig.unit.write32(0x1_00cc, 0x78);
    expect([0xa8, 0xac, 0xc8, 0xcc].map((offset) => rig.read(offset))).toEqual([0x12, 0x34, 0x56, 0x78]);
    rig.unit.write32(0xa8, 0x77);
    expect(rig.read(0x1_00a8)).toBe(0x77);
    expect(rig.read(0x1_0000)).toBe(SMMU_V3_PRESETS.server.idr0);
    rig.unit.write32(0x1_002c, 2);
    expect(rig.read(0x2c)).toBe(2);
    expect(rig.unit.mmioBytes).toBe(0x2_0000);
  });

  it.each([
    ['CR2', 0x2c, 0x1, 0x2],
    ['STRTAB_BASE', 0x80, 0x55_0000, 0x10_0000],
    ['STRTAB_BASE_CFG', 0x88, 0x8, 0x9],
    ['GERROR_IRQ_CFG0', 0x68, 0x1000, 0],
    ['EVENTQ_IRQ_CFG1', 0xb8, 0x1000, 0],
    ['PRIQ_IRQ_CFG2', 0xdc, 0x31, 0],
  ])('keep %s while it is guarded, from SMMUv3.2 on', (_, offset, value, kept) => {
    const rig = new SmmuRig().enable();
    rig.unit.write32(offset, value);
    expect(rig.read(offset)).toBe(kept);
    rig.unit.write32(CR0, 0);
    rig.unit.write32(0x50, 0);
    rig.unit.write32(offset, value);
    expect(rig.read(offset)).toBe(value);
    const older = new SmmuRig({ aidr: 1 }).enable();
    older.unit.write32(offset, value);
    expect(older.read(offset)).toBe(value);
  });

  it('keep the command queue as it is while CMDQEN is 1', () => {
    const rig = new SmmuRig().enable();
    write64(rig.unit, 0x90, 0x55_0000n);
    rig.unit.write32(0x9c, 7);
    expect(rig.read(0x90)).toBe(Number(rig.commands) + 8);
    expect(rig.read(0x9c)).toBe(0);
    rig.unit.write32(CR0, 0);
    write64(rig.unit, 0x90, (1n << 62n) | 0x55_0003n);
    expect(rig.read(0x90)).toBe(0x55_0003);
    expect(rig.read(0x94)).toBe(1 << 30);
  });

  it('are back at their reset values after a reset, and the caches are empty', () => {
    const rig = new SmmuRig();
    const root = rig.stream(0x10);
    rig.map(root, 0x1000n, 0x1_0000_0000n | PAGE);
    rig.enable();
    expect(rig.ask(0x10, 0x1000n)).toBe('0x100000000');
    rig.map(root, 0x1000n, 0x1_8000_0000n | PAGE);
    rig.unit.reset();
    expect([CR0, CR0ACK, 0x80, 0x98, 0x9c, 0x1_00a8].map((offset) => rig.read(offset))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(rig.ask(0x10, 0x1000n)).toBe('0x1000');
    rig.enable();
    expect(rig.ask(0x10, 0x1000n)).toBe('0x180000000');
  });

  it('abort addresses that are wider than the unit while translation is off, and translated requests for such', () => {
    const rig = new SmmuRig();
    expect(rig.ask(0x10, (1n << 48n) - 1n)).toBe('0xffffffffffff');
    expect(rig.ask(0x10, 1n << 48n)).toBe('ABORT');
    rig.enable();
    expect(rig.ask(0x10, 1n << 48n, Access.READ | Access.TRANSLATED)).toBe('ABORT');
    expect(rig.events()).toEqual([]);
  });

  it('keep addresses wider than the bus from the unit', () => {
    const rig = new SmmuRig({ preset: 'qemu-virt-7.2' });
    rig.enable();
    expect(rig.ask(0x10, 1n << 48n)).toBe('NO_TRANSLATION');
    expect(rig.events()).toEqual([]);
  });
});
