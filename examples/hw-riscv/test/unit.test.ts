import { Access, hi32, lo32, write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { CQCSR, FQCSR, IPSR, Register } from '../src/layouts/registers.js';
import { At, BareUnit, DEVICE } from './bare-unit.js';

const IOVA = 0x4000_0000n;
const { READ, WRITE, EXECUTE, TRANSLATION_REQUEST } = Access;

describe('a request', () => {
  it('is disallowed after reset, and passes as it is in Bare mode', () => {
    const bench = new BareUnit();
    expect(bench.request(0x1234n)).toBe('ALL_INBOUND_DISALLOWED');
    write64(bench.unit, Register.DDTP, 1n);
    expect(bench.request(0x1234n, WRITE)).toBe(0x1234n);
    expect(bench.request(0x1234n, READ | TRANSLATION_REQUEST)).toBe('TRANSACTION_TYPE_DISALLOWED');
  });

  it('goes through directory, context and three levels of tables', () => {
    const bench = new BareUnit().translating();
    expect(bench.request(IOVA + 0x123n, WRITE)).toBe(0x7123n);
    const walk = bench.unit.explain(DEVICE, -1, IOVA + 0x123n, READ);
    expect(walk.steps.map(({ what }) => what)).toEqual([
      'DDTE level 1',
      'device context',
      'PTE level 2',
      'PTE level 1',
      'PTE level 0',
    ]);
    expect(walk.pa).toBe(0x7123n);
  });

  it.each([
    ['of a device that is too wide for two levels', { deviceId: 0x1_0000 }, 'TRANSACTION_TYPE_DISALLOWED'],
    ['of a device without directory', { deviceId: 0x200 }, 'DDT_ENTRY_NOT_VALID'],
    ['of a device without context', { deviceId: DEVICE + 1 }, 'DDT_ENTRY_NOT_VALID'],
    ['with a process id, as PDTV is clear', { pasid: 3 }, 'TRANSACTION_TYPE_DISALLOWED'],
    ['for a translation, as EN_ATS is clear', { access: READ | TRANSLATION_REQUEST }, 'TRANSACTION_TYPE_DISALLOWED'],
    ['for what is not mapped', { iova: IOVA + 0x1000n }, 'READ_PAGE_FAULT'],
    ['for what is not mapped, to write', { iova: IOVA + 0x1000n, access: WRITE }, 'WRITE_PAGE_FAULT'],
    ['to execute, without X', { access: EXECUTE }, 'INSTRUCTION_PAGE_FAULT'],
    ['to an address that is not canonical', { iova: 1n << 38n }, 'READ_PAGE_FAULT'],
  ] as const)('%s is refused', (_name, request, name) => {
    const { iova, access, deviceId, pasid } = { iova: IOVA, access: READ, deviceId: DEVICE, pasid: -1, ...request };
    expect(new BareUnit().translating().request(iova, access, deviceId, pasid)).toBe(name);
  });

  it('meets bits that are reserved, or of features that this unit does not have', () => {
    expect(new BareUnit().translating(0x1001n).request(IOVA), 'reserved in tc').toBe('DDT_ENTRY_MISCONFIGURED');
    expect(new BareUnit().translating(0x3n).request(IOVA), 'EN_ATS').toBe('DDT_ENTRY_MISCONFIGURED');
    expect(new BareUnit({ hardwareDirty: false }).translating(0x101n).request(IOVA), 'SADE').toBe(
      'DDT_ENTRY_MISCONFIGURED',
    );
    const directory = new BareUnit().translating();
    directory.word(At.ddt + 8n, 0xc03n);
    expect(directory.request(IOVA), 'reserved in the DDTE').toBe('DDT_ENTRY_MISCONFIGURED');
    const mode = new BareUnit().translating();
    mode.word(At.context + 5n * 32n + 24n, (9n << 60n) | 4n);
    expect(mode.request(IOVA), 'Sv48 on a unit of Sv39').toBe('DDT_ENTRY_MISCONFIGURED');
  });

  it('meets tables and directories where no memory is', () => {
    const tables = new BareUnit().translating();
    tables.word(At.middle, (0x100n << 10n) | 1n);
    expect(tables.request(IOVA)).toBe('READ_ACCESS_FAULT');
    expect(tables.request(IOVA, WRITE)).toBe('WRITE_ACCESS_FAULT');
    const directory = new BareUnit().translating();
    directory.word(At.ddt + 8n, (0x100n << 10n) | 1n);
    expect(directory.request(IOVA)).toBe('DDT_ENTRY_LOAD_ACCESS_FAULT');
  });

  it.each([
    ['W without R', 0x1cd5n],
    ['no U', 0x1cc7n],
    ['no A', 0x1c97n],
    ['a reserved bit', 0x1cd7n | (1n << 54n)],
    ['N', 0x1cd7n | (1n << 63n)],
    ['a pointer at the lowest level', 0x1c01n],
  ])('does not take a leaf with %s for a page', (_name, leaf) => {
    expect(new BareUnit().translating(1n, leaf).request(IOVA)).toBe('READ_PAGE_FAULT');
  });

  it('does not take a large page that is not aligned for one, nor a pointer with D', () => {
    const bench = new BareUnit().translating();
    bench.word(At.middle, 0x1cd7n);
    expect(bench.request(IOVA)).toBe('READ_PAGE_FAULT');
    bench.word(At.middle, 0x1881n);
    expect(bench.request(IOVA)).toBe('READ_PAGE_FAULT');
  });

  it('sets A and D with SADE, and faults for want of them without', () => {
    const setting = new BareUnit().translating(0x101n, 0x1c17n);
    expect(setting.request(IOVA)).toBe(0x7000n);
    expect(setting.readWord(At.leaf)).toBe(0x1c57n);
    expect(setting.request(IOVA, WRITE)).toBe(0x7000n);
    expect(setting.readWord(At.leaf)).toBe(0x1cd7n);
    const faulting = new BareUnit().translating(1n, 0x1c57n);
    expect(faulting.request(IOVA)).toBe(0x7000n);
    expect(faulting.request(IOVA, WRITE)).toBe('WRITE_PAGE_FAULT');
  });
});

describe('the fault queue', () => {
  it('takes a record of who, where and why, and interrupts', () => {
    const bench = new BareUnit().translating().withQueues();
    bench.request(IOVA + 0x1008n);
    expect([0n, 8n, 16n, 24n].map((at) => bench.readWord(At.faults + at))).toEqual([
      (BigInt(DEVICE) << 40n) | (2n << 34n) | 13n,
      0n,
      IOVA + 0x1008n,
      0n,
    ]);
    expect(bench.unit.read32(Register.FQT)).toBe(1);
    expect(bench.unit.read32(Register.IPSR)).toBe(Number(IPSR.mask('FIP')));
    expect(bench.interrupts).toBe(1);
  });

  it('stops when it is full, until software makes room and clears fqof', () => {
    const bench = new BareUnit().translating().withQueues();
    const recorded = (): string | undefined => {
      bench.request(IOVA + 0x1000n);
      return bench.unit.translation.fault?.recorded;
    };
    expect([1, 2, 3, 4].map(recorded)).toEqual(['recorded', 'recorded', 'recorded', 'overflow']);
    bench.unit.write32(Register.FQH, 3);
    expect(recorded(), 'room alone is not enough').toBe('overflow');
    bench.unit.write32(Register.FQCSR, Number(FQCSR.encode({ FQEN: 1, FIE: 1, FQOF: 1 })));
    expect(recorded()).toBe('recorded');
  });

  it('is spared page faults by DTF, but not that there is no context', () => {
    const bench = new BareUnit().translating(0x11n).withQueues();
    bench.request(IOVA + 0x1000n);
    expect(bench.unit.translation.fault?.recorded).toBe('suppressed');
    bench.request(IOVA, READ, DEVICE + 1);
    expect(bench.unit.translation.fault?.recorded).toBe('recorded');
  });
});

describe('the command queue', () => {
  const INVALIDATE_ALL = 0x1n;
  const INVALIDATE_PSCID_6 = 0x1_0000_6001n;
  const INVALIDATE_PSCID_5 = 0x1_0000_5001n;

  it('drops pages by PSCID and address, and nothing else', () => {
    const bench = new BareUnit().translating().withQueues();
    bench.request(IOVA);
    bench.word(At.leaf, 0n);
    bench.command(INVALIDATE_PSCID_6);
    expect(bench.request(IOVA), 'another PSCID').toBe(0x7000n);
    bench.command(0x1_0000_5401n, (IOVA + 0x1000n) >> 2n);
    expect(bench.request(IOVA), 'another address').toBe(0x7000n);
    bench.command(INVALIDATE_PSCID_5);
    expect(bench.request(IOVA)).toBe('READ_PAGE_FAULT');
  });

  it('leaves global pages alone unless all are named', () => {
    const bench = new BareUnit().translating(1n, 0x1cf7n).withQueues();
    bench.request(IOVA);
    bench.word(At.leaf, 0n);
    bench.command(INVALIDATE_PSCID_5);
    expect(bench.request(IOVA)).toBe(0x7000n);
    bench.command(INVALIDATE_ALL);
    expect(bench.request(IOVA)).toBe('READ_PAGE_FAULT');
  });

  it('drops device contexts', () => {
    const bench = new BareUnit().translating().withQueues();
    bench.request(IOVA);
    bench.word(At.context + 5n * 32n, 0n);
    bench.command((BigInt(DEVICE + 1) << 40n) | (1n << 33n) | 3n);
    expect(bench.request(IOVA), 'another device').toBe(0x7000n);
    bench.command((BigInt(DEVICE) << 40n) | (1n << 33n) | 3n);
    expect(bench.request(IOVA)).toBe('DDT_ENTRY_NOT_VALID');
  });

  it('stores what a fence asks for, and interrupts', () => {
    const bench = new BareUnit().translating().withQueues();
    bench.command(0x7_0000_0c02n, 0xa000n >> 2n);
    expect(bench.readWord(0xa000n)).toBe(7n);
    expect(bench.unit.read32(Register.CQCSR) & Number(CQCSR.mask('FENCE_W_IP'))).not.toBe(0);
    expect(bench.interrupts).toBe(1);
  });

  it.each([
    ['an unknown opcode', 0x3fn, 0n, 'CMD_ILL'],
    ['IOTINVAL.GVMA, without a second stage', 0x81n, 0n, 'CMD_ILL'],
    ['a reserved bit', 0x801n, 0n, 'CMD_ILL'],
    ['a PID for IODIR.INVAL_DDT', 0x1003n, 0n, 'CMD_ILL'],
    ['a fence that stores where no memory is', 0x402n, 0x1000_0000n >> 2n, 'CQMF'],
  ] as const)('stops at %s', (_name, low, high, flag) => {
    const bench = new BareUnit().translating().withQueues();
    bench.command(low, high);
    expect(bench.unit.read32(Register.CQCSR) & Number(CQCSR.mask(flag))).not.toBe(0);
    bench.command(INVALIDATE_ALL);
    expect(bench.unit.read32(Register.CQH), 'stands at the bad command').toBe(0);
    bench.word(At.commands, INVALIDATE_ALL, 0n);
    bench.unit.write32(Register.CQCSR, Number(CQCSR.encode({ CQEN: 1, CIE: 1, [flag]: 1 })));
    expect(bench.unit.read32(Register.CQH), 'goes on once the flag is cleared').toBe(2);
  });

  it('waits for steps when it was made so', () => {
    const bench = new BareUnit({ completion: 'stepped' }).translating().withQueues();
    bench.command(INVALIDATE_ALL);
    bench.command(INVALIDATE_ALL);
    expect(bench.unit.read32(Register.CQH)).toBe(0);
    expect(bench.unit.step(1)).toBe(1);
    expect(bench.unit.read32(Register.CQH)).toBe(1);
    expect(bench.unit.step()).toBe(1);
  });
});

describe('registers', () => {
  it('keep the directory mode that the unit has, and indices inside of their queue', () => {
    const { unit } = new BareUnit({ directoryLevels: 1 }).withQueues();
    unit.write64(Register.DDTP, hi32(0x402n), lo32(0x402n));
    unit.write64(Register.DDTP, hi32(0x804n), lo32(0x804n));
    expect(unit.read32(Register.DDTP)).toBe(0x402);
    unit.write32(Register.FQH, 0x7f);
    expect(unit.read32(Register.FQH)).toBe(3);
  });

  it('are as after power-on after a reset, and caches are empty', () => {
    const bench = new BareUnit().translating();
    bench.request(IOVA);
    bench.unit.reset();
    expect(bench.request(IOVA)).toBe('ALL_INBOUND_DISALLOWED');
    write64(bench.unit, Register.DDTP, 0x403n);
    bench.word(At.leaf, 0n);
    expect(bench.request(IOVA)).toBe('READ_PAGE_FAULT');
  });
});
