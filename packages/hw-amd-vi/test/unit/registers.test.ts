import { read64, write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { AMD_VI_PRESETS, AmdViUnit } from '../../src/index.js';
import { Register } from '../../src/layouts/register-offsets.js';
import { EVENTS, Rig } from './rig.js';

const ALL = 0xffff_ffff_ffff_ffffn;

describe('registers', () => {
  it.each([
    ['Device Table Base', Register.DEVICE_TABLE_BASE, 0x000f_ffff_ffff_f1ffn],
    ['Command Buffer Base', Register.COMMAND_BUFFER_BASE, 0x0f0f_ffff_ffff_f000n],
    ['Event Log Base', Register.EVENT_LOG_BASE, 0x0f0f_ffff_ffff_f000n],
    ['PPR Log Base', Register.PPR_LOG_BASE, 0x0f0f_ffff_ffff_f000n],
    ['Exclusion Base', Register.EXCLUSION_BASE, 0x000f_ffff_ffff_f003n],
    ['Exclusion Limit', Register.EXCLUSION_LIMIT, 0x000f_ffff_ffff_f000n],
    ['Device Table Segment 1', Register.DEVICE_TABLE_SEGMENT_1, 0x000f_ffff_ffff_f0ffn],
    ['Command Buffer Head', Register.COMMAND_BUFFER_HEAD, 0x7_fff0n],
    ['Event Log Head', Register.EVENT_LOG_HEAD, 0x7_fff0n],
    ['PPR Log Tail', Register.PPR_LOG_TAIL, 0x7_fff0n],
  ])('%s reads back the bits that it has', (_, offset, mask) => {
    const { unit } = new Rig();
    unit.reset();
    write64(unit, offset, ALL);
    expect(read64(unit, offset)).toBe(mask);
  });

  it.each([
    ['Extended Feature', Register.EXTENDED_FEATURE, AMD_VI_PRESETS['zen-server'].efr],
    ['Extended Feature 2', Register.EXTENDED_FEATURE_2, AMD_VI_PRESETS['zen-server'].efr2],
    ['where no register is', 0x3000, 0n],
    ['a segment beyond EFR.DevTblSegSup', Register.DEVICE_TABLE_SEGMENT_1 + 24, 0n],
  ])('%s is read-only', (_, offset, value) => {
    const { unit } = new Rig();
    write64(unit, offset, ALL);
    expect(read64(unit, offset)).toBe(value);
  });

  it('have 256 entries after reset, and nothing runs', () => {
    const { unit } = new Rig();
    unit.reset();
    for (const base of [Register.COMMAND_BUFFER_BASE, Register.EVENT_LOG_BASE, Register.PPR_LOG_BASE]) {
      expect(read64(unit, base)).toBe(8n << 56n);
    }
    expect([read64(unit, Register.CONTROL), read64(unit, Register.STATUS)]).toEqual([0n, 0n]);
  });

  it('Status: run bits are read-only, the others are cleared by 1', () => {
    const rig = new Rig();
    rig.command(0n);
    rig.command((1n << 60n) | 2n);
    expect(rig.unit.status).toMatchObject({ EVENT_LOG_INT: 1n, CMD_BUF_RUN: 0n, EVENT_LOG_RUN: 1n });
    write64(rig.unit, Register.STATUS, 0n);
    expect(rig.unit.status).toMatchObject({ EVENT_LOG_INT: 1n });
    write64(rig.unit, Register.STATUS, ALL);
    expect(read64(rig.unit, Register.STATUS)).toBe(0x88n);
  });

  it('a new base of a ring empties it', () => {
    const rig = new Rig();
    rig.hostDevice(8, 5);
    rig.ask(8, 0n);
    expect(read64(rig.unit, Register.EVENT_LOG_TAIL)).toBe(0x10n);
    write64(rig.unit, Register.EVENT_LOG_BASE, EVENTS | (8n << 56n));
    expect(read64(rig.unit, Register.EVENT_LOG_TAIL)).toBe(0n);
  });

  it('take halves of 32 bits, as Linux writes some of them', () => {
    const rig = new Rig();
    rig.unit.write32(Register.DEVICE_TABLE_BASE, 0x20_0003);
    rig.unit.write32(Register.DEVICE_TABLE_BASE + 4, 0x1);
    expect(read64(rig.unit, Register.DEVICE_TABLE_BASE)).toBe(0x1_0020_0003n);
    rig.store(0x1_0020_0100n, 0x6000_0000_0000_0003n);
    expect(rig.pa(8, 0x42n)).toBe(0x42n);
  });
});

describe('options', () => {
  const { memory } = new Rig();
  it.each([
    [{ dteFetchBits: 32 }, 'amdVi: dteFetchBits is 32'],
    [{ efr: 1n << 64n }, 'amdVi: efr is 0x10000000000000000'],
    [{ preset: 'zen' }, 'amdVi: preset is'],
    [{ pageTables: 'v3' }, 'amdVi: pageTables is'],
    [{ caches: { iotlbEntries: 3 } }, 'amdVi: caches.iotlbEntries is 3'],
    [{ cache: true }, 'amdVi: cache'],
  ])('%o are refused', (options, message) => {
    expect(() => new AmdViUnit({ memory, options: options as never })).toThrow(message);
  });
});
