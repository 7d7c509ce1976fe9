import { Access, write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { Register } from '../../src/layouts/register-offsets.js';
import {
  DTE_RW,
  INVALIDATE_ALL,
  PTE_RO,
  PTE_RW,
  PTE_WO,
  READ,
  Rig,
  TRANSLATED,
  TRANSLATION_REQUEST,
  WRITE,
} from './rig.js';

const DEV = 8;
const IOVA = 0x1000n;
const PA = 0x1000_0000n;
const IR_ONLY = 0x2000_0000_0000_0003n;
const IW_ONLY = 0x4000_0000_0000_0003n;

describe('what a device table entry says about a request without PASID', () => {
  const host = (rig: Rig, leaf: bigint): bigint => {
    const root = rig.table();
    rig.mapHost(root, 3, IOVA, leaf);
    return root | 0x600n;
  };
  /** V, TV, Mode, GV as in the decision table; what a read and a write come to. */
  it.each([
    ['V = 0: passes', () => 0n, IOVA, IOVA],
    ['V = 0 with everything else set: passes', () => 0xffff_ffff_ffff_fffen, IOVA, IOVA],
    ['V = 1, TV = 0: blocked', () => 0x6000_0000_0000_0001n, undefined, undefined],
    ['Mode 0: identity', () => DTE_RW, IOVA, IOVA],
    ['Mode 0, IR alone', () => IR_ONLY, IOVA, undefined],
    ['Mode 0, IW alone', () => IW_ONLY, undefined, IOVA],
    ['Mode 0, neither', () => 3n, undefined, undefined],
    ['Mode 3: translated', (rig: Rig) => host(rig, PA | PTE_RW) | DTE_RW, PA, PA],
    ['Mode 3, a read-only page', (rig: Rig) => host(rig, PA | PTE_RO) | DTE_RW, PA, undefined],
    ['Mode 3, a write-only page', (rig: Rig) => host(rig, PA | PTE_WO) | DTE_RW, undefined, PA],
    ['Mode 3, IR alone in the entry', (rig: Rig) => host(rig, PA | PTE_RW) | IR_ONLY, PA, undefined],
    ['Mode 7: illegal', (rig: Rig) => host(rig, PA | PTE_RW) | DTE_RW | 0xe00n, undefined, undefined],
  ] as const)('%s', (_, entry, read, write) => {
    for (const caches of [true, false]) {
      const rig = new Rig({ preset: 'zen-server', caches });
      rig.dte(DEV, entry(rig), 5n);
      expect([rig.pa(DEV, IOVA, READ), rig.pa(DEV, IOVA, WRITE)]).toEqual([read, write]);
      // Once more, from the caches if there are any.
      expect([rig.pa(DEV, IOVA, READ), rig.pa(DEV, IOVA, WRITE)]).toEqual([read, write]);
      const asked = [READ, WRITE].map((access) => rig.unit.explain(DEV, -1, IOVA, access).pa);
      expect(asked).toEqual([read, write]);
    }
  });

  it.each([
    ['4 levels (HATS 0)', 0x00n, 4],
    ['5 levels (HATS 1)', 0x400n, 5],
    ['6 levels (HATS 2)', 0x800n, 6],
    ['no host tables (HATS 3)', 0xc00n, 0],
  ])('Mode above what EFR has is illegal: %s', (_, efr, levels) => {
    const rig = new Rig({ efr });
    for (let mode = 1; mode <= 6; mode++) {
      rig.hostDevice(DEV, 5, mode);
      rig.command((2n << 60n) | BigInt(DEV), 0n);
      expect(rig.ask(DEV, 0n).fault?.name).toBe(mode <= levels ? 'IO_PAGE_FAULT' : 'ILLEGAL_DEV_TABLE_ENTRY');
    }
  });

  it('IommuEn = 0: everything passes, whatever the table says', () => {
    const rig = new Rig();
    rig.dte(DEV, 1n);
    rig.control({ IOMMU_EN: 0 });
    expect(rig.pa(DEV, IOVA, WRITE)).toBe(IOVA);
    expect(rig.unit.explain(DEV, -1, IOVA, WRITE).pa).toBe(IOVA);
  });

  it('reset: as after power-on', () => {
    const rig = new Rig();
    rig.hostDevice(DEV, 5);
    expect(rig.pa(DEV, IOVA)).toBeUndefined();
    rig.unit.reset();
    expect(rig.pa(DEV, IOVA)).toBe(IOVA);
    rig.boot();
    expect(rig.pa(DEV, IOVA)).toBeUndefined();
    expect(rig.unit.status).toMatchObject({ CMD_BUF_RUN: 1n, EVENT_LOG_RUN: 1n, PPR_LOG_RUN: 1n });
  });

  it('devices of one domain share its pages, each with its own rights', () => {
    const rig = new Rig();
    const root = rig.hostDevice(DEV, 5);
    rig.mapHost(root, 3, IOVA, PA | PTE_RW);
    rig.dte(9, (root | DTE_RW | 0x600n) & ~(1n << 62n), 5n);
    expect(rig.pa(DEV, IOVA, WRITE)).toBe(PA);
    const { iotlbMisses } = rig.unit.counters;
    expect([rig.pa(9, IOVA, READ), rig.unit.counters.iotlbMisses]).toEqual([PA, iotlbMisses]);
    expect(rig.pa(9, IOVA, WRITE)).toBeUndefined();
  });
});

describe('a device whose requests were served before', () => {
  function served(levels = 3) {
    const rig = new Rig();
    const root = rig.hostDevice(DEV, 5, levels);
    rig.mapHost(root, levels, IOVA, PA | PTE_RW);
    expect([rig.pa(DEV, IOVA), rig.pa(DEV, IOVA, WRITE)]).toEqual([PA, PA]);
    return { rig, root };
  }

  it('still meets the HyperTransport ranges', () => {
    const { rig, root } = served(4);
    // One page of 512 GiB below and around them.
    rig.mapHost(root, 4, 0x80_0000_0000n, PTE_RW, 4);
    expect([rig.pa(DEV, 0xfc_ffff_f000n), rig.pa(DEV, 0x80_0000_0000n)]).toEqual([0x7c_ffff_f000n, 0n]);
    expect(rig.ask(DEV, 0xfd_0000_0000n).fault?.name).toBe('INVALID_DEVICE_REQUEST');
  });

  it('passes as soon as IommuEn is 0', () => {
    const { rig } = served();
    rig.control({ IOMMU_EN: 0 });
    expect(rig.pa(DEV, IOVA)).toBe(IOVA);
    rig.control({ IOMMU_EN: 1 });
    expect(rig.pa(DEV, IOVA)).toBe(PA);
  });

  it('still meets the exclusion range, also one that was there before it', () => {
    const rig = new Rig();
    write64(rig.unit, Register.EXCLUSION_LIMIT, 0x3000n);
    write64(rig.unit, Register.EXCLUSION_BASE, 0x3003n);
    const root = rig.hostDevice(DEV, 5);
    rig.mapHost(root, 3, IOVA, PA | PTE_RW);
    rig.mapHost(root, 3, 0x3000n, PA | PTE_RW);
    expect([rig.pa(DEV, IOVA), rig.pa(DEV, IOVA), rig.pa(DEV, 0x3000n)]).toEqual([PA, PA, 0x3000n]);
  });
});

describe('translation requests and translated requests', () => {
  const I = 1n << 32n;

  it('need DTE.I', () => {
    for (const [low, upper, isAllowed] of [
      [DTE_RW, I, true],
      [DTE_RW, 0n, false],
      [0n, I, false],
    ] as const) {
      const rig = new Rig();
      rig.dte(DEV, low, upper);
      for (const kind of [TRANSLATED, TRANSLATION_REQUEST]) {
        const { pa, fault } = rig.ask(DEV, IOVA, READ | kind);
        expect(pa).toBe(isAllowed ? IOVA : undefined);
        if (!isAllowed) expect(fault?.name).toBe('INVALID_DEVICE_REQUEST');
      }
    }
  });

  it('translated ones are not translated again', () => {
    const rig = new Rig();
    const root = rig.hostDevice(DEV, 5);
    rig.dte(DEV, root | DTE_RW | 0x600n, 5n | I);
    expect(rig.pa(DEV, 0x7777_0000n, WRITE | TRANSLATED)).toBe(0x7777_0000n);
  });

  it('translation requests answer with page and rights', () => {
    const rig = new Rig();
    const root = rig.hostDevice(DEV, 5);
    rig.dte(DEV, root | DTE_RW | 0x600n, 5n | I);
    rig.mapHost(root, 3, 0x40_0000n, 0x20_0000n | PTE_RO, 2);
    expect(rig.ask(DEV, 0x41_2345n, READ | TRANSLATION_REQUEST)).toMatchObject({
      pa: 0x21_2345n,
      pageShift: 21,
      rights: READ | Access.EXECUTE,
    });
  });
});

describe('the exclusion range', () => {
  function excluding(allow: boolean, ex: boolean) {
    const rig = new Rig();
    const root = rig.table();
    rig.dte(DEV, root | DTE_RW | 0x600n, 5n | (ex ? 1n << 39n : 0n));
    write64(rig.unit, Register.EXCLUSION_LIMIT, 0x5000n);
    write64(rig.unit, Register.EXCLUSION_BASE, 0x3000n | (allow ? 2n : 0n) | 1n);
    return { rig, root };
  }

  it.each([
    [false, false, false],
    [false, true, true],
    [true, false, true],
    [true, true, true],
  ])('Allow %s, DTE.EX %s: passes %s', (allow, ex, passes) => {
    const { rig } = excluding(allow, ex);
    expect(rig.pa(DEV, 0x2fffn, WRITE)).toBeUndefined();
    expect(rig.pa(DEV, 0x3000n, WRITE)).toBe(passes ? 0x3000n : undefined);
    // The page of the limit belongs to it.
    expect(rig.pa(DEV, 0x5fffn, WRITE)).toBe(passes ? 0x5fffn : undefined);
    expect(rig.pa(DEV, 0x6000n, WRITE)).toBeUndefined();
  });

  it('wins over a page in the IOTLB, and ends with ExEn', () => {
    const { rig, root } = excluding(true, false);
    write64(rig.unit, Register.EXCLUSION_BASE, 0x3000n);
    rig.mapHost(root, 3, 0x3000n, PA | PTE_RW);
    expect(rig.pa(DEV, 0x3000n)).toBe(PA);
    write64(rig.unit, Register.EXCLUSION_BASE, 0x3003n);
    expect(rig.pa(DEV, 0x3000n)).toBe(0x3000n);
    write64(rig.unit, Register.EXCLUSION_BASE, 0x3002n);
    expect(rig.pa(DEV, 0x3000n)).toBe(PA);
  });
});

describe('special ranges', () => {
  const entry = (rig: Rig, upper: bigint, interrupts = 0n): void => rig.dte(DEV, DTE_RW, upper, interrupts);
  const IOCTL = (value: bigint): bigint => value << 35n;
  const SYS_MGT = (value: bigint): bigint => value << 40n;
  const BLOCKED = 1n;
  const FORWARDED = 1n | (1n << 60n);

  it.each([
    ['interrupt write', 0xfee0_1000n, WRITE, 0n, 0n, true],
    ['interrupt write at the end', 0xfeef_fffcn, WRITE, 0n, 0n, true],
    ['interrupt write, IV = 1, IntCtl = 1', 0xfee0_1000n, WRITE, 0n, FORWARDED, true],
    ['interrupt write, IV = 1, IntCtl = 0', 0xfee0_1000n, WRITE, 0n, BLOCKED, false],
    ['interrupt read', 0xfee0_1000n, READ, 0n, 0n, false],
    ['interrupt atomic', 0xfee0_1000n, READ | WRITE | Access.ATOMIC, 0n, 0n, false],
    ['port I/O, IoCtl 0', 0xfd_fc00_0cf8n, WRITE, IOCTL(0n), 0n, false],
    ['port I/O, IoCtl 1', 0xfd_fdff_0cf8n, READ, IOCTL(1n), 0n, true],
    ['port I/O, IoCtl 2: translated', 0xfd_fc00_0cf8n, READ, IOCTL(2n), 0n, true],
    ['system management, SysMgt 0', 0xfd_f91f_0000n, WRITE, SYS_MGT(0n), 0n, false],
    ['system management write, SysMgt 1', 0xfd_f910_0000n, WRITE, SYS_MGT(1n), 0n, true],
    ['system management read, SysMgt 1', 0xfd_f910_0000n, READ, SYS_MGT(1n), 0n, false],
    ['system management, SysMgt 2', 0xfd_f910_0000n, WRITE, SYS_MGT(2n), 0n, false],
    ['system management, SysMgt 3: translated', 0xfd_f910_0000n, READ, SYS_MGT(3n), 0n, true],
    ['interrupt and EOI', 0xfd_f8ff_0000n, WRITE, 0n, 0n, true],
    ['interrupt and EOI, blocked', 0xfd_f800_0000n, WRITE, 0n, BLOCKED, false],
    ['interrupt and EOI, read', 0xfd_f800_0000n, READ, 0n, 0n, false],
    ['legacy IACK', 0xfd_f900_0000n, WRITE, 0n, 0n, false],
    ['reserved', 0xfd_f920_0000n, WRITE, 0n, 0n, false],
    ['configuration', 0xfd_fe00_0000n, WRITE, 0n, 0n, false],
    ['extended configuration', 0xfe_0000_0000n, READ, 0n, 0n, false],
    ['the last byte', 0xff_ffff_ffffn, READ, 0n, 0n, false],
  ])('%s', (_, iova, access, upper, interrupts, passes) => {
    const rig = new Rig();
    entry(rig, upper, interrupts);
    expect(rig.pa(DEV, iova, access)).toBe(passes ? iova : undefined);
  });

  it('are memory below, above, and for requests with a PASID', () => {
    const rig = new Rig();
    entry(rig, 0n, BLOCKED);
    for (const iova of [0xfedf_ffffn, 0xfef0_0000n, 0xfc_ffff_ffffn, 0x100_0000_0000n, 0x1_fee0_0000n]) {
      expect(rig.pa(DEV, iova, READ)).toBe(iova);
    }
    expect(rig.ask(DEV, 0xfee0_0000n, READ, 1).fault?.name).toBe('IO_PAGE_FAULT');
  });

  it('are looked at before the IOTLB', () => {
    const rig = new Rig();
    const root = rig.hostDevice(DEV, 5);
    rig.mapHost(root, 3, 0xfee0_0000n, PA | PTE_RW, 2);
    expect(rig.pa(DEV, 0xfec0_0000n)).toBeUndefined();
    expect(rig.pa(DEV, 0xfef0_0000n)).toBe(PA + 0x10_0000n);
    expect(rig.ask(DEV, 0xfee0_0000n).fault?.name).toBe('INVALID_DEVICE_REQUEST');
    rig.command(...INVALIDATE_ALL);
    expect(rig.ask(DEV, 0xfee0_0000n).fault?.name).toBe('INVALID_DEVICE_REQUEST');
  });
});
