import { DeviceTlb, NO_PASID, read64, write64, tlbEndpoint, type PageGroupResponse } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { Register } from '../../src/layouts/register-offsets.js';
import {
  COMMANDS,
  completionWait,
  DTE_RW,
  INVALIDATE_ALL,
  invalidateDevice,
  invalidateIotlb,
  invalidatePages,
  PTE_RW,
  READ,
  Rig,
} from './rig.js';

const SEMAPHORE = 0x9000n;
const head = (rig: Rig): bigint => read64(rig.unit, Register.COMMAND_BUFFER_HEAD);
const isRunning = (rig: Rig): boolean => rig.unit.status['CMD_BUF_RUN'] === 1n;

describe('the command buffer', () => {
  it('runs each command when the tail is written, and wraps', () => {
    const rig = new Rig();
    for (let at = 1n; at <= 300n; at++) {
      rig.command(...completionWait(SEMAPHORE, at));
      expect(rig.load(SEMAPHORE)).toBe(at);
    }
    expect(head(rig)).toBe((300n % 256n) * 16n);
    expect(rig.unit.counters.commands).toBe(300);
  });

  it('stepped: runs as many as it is told, in order', () => {
    const rig = new Rig({ preset: 'zen-server', completion: 'stepped' });
    for (let at = 1n; at <= 3n; at++) rig.command(...completionWait(SEMAPHORE, at));
    expect(rig.load(SEMAPHORE)).toBe(0n);
    expect([rig.unit.step(2), rig.load(SEMAPHORE), head(rig)]).toEqual([2, 2n, 0x20n]);
    expect([rig.unit.step(), rig.load(SEMAPHORE), rig.unit.step()]).toEqual([1, 3n, 0]);
  });

  it.each([
    ['a reserved opcode', [0xf000_0000_0000_0000n, 0n]],
    ['opcode 0', [0n, 0n]],
    ['a reserved bit of COMPLETION_WAIT', [(1n << 60n) | (1n << 52n), 0n]],
    ['a reserved bit of INVALIDATE_DEVTAB_ENTRY', [(2n << 60n) | (1n << 16n), 0n]],
    ['a reserved bit of INVALIDATE_IOMMU_PAGES', [(3n << 60n) | (1n << 21n), 0n]],
    ['a reserved bit of INVALIDATE_IOMMU_ALL', [8n << 60n, 1n]],
  ] as const)('stops at %s: an event, and the head stays', (_, illegal) => {
    const rig = new Rig();
    rig.command(...completionWait(SEMAPHORE, 1n));
    rig.command(illegal[0], illegal[1]);
    rig.command(...completionWait(SEMAPHORE, 2n));
    expect(rig.load(SEMAPHORE)).toBe(1n);
    expect([head(rig), isRunning(rig)]).toEqual([0x10n, false]);
    expect(rig.events()).toEqual([[0x5000_0000_0000_0000n, COMMANDS + 0x10n]]);
  });

  it('starts again only when it was disabled and is enabled, at its head', () => {
    const rig = new Rig();
    rig.command(0n);
    rig.command(...completionWait(SEMAPHORE, 2n));
    // Another bit of the Control register is no reason.
    rig.control({ COHERENT: 1 });
    expect(isRunning(rig)).toBe(false);
    rig.store(COMMANDS, 1n << 60n);
    rig.control({ CMD_BUF_EN: 0 });
    expect([isRunning(rig), rig.load(SEMAPHORE)]).toEqual([false, 0n]);
    rig.control({ CMD_BUF_EN: 1 });
    expect([isRunning(rig), rig.load(SEMAPHORE), head(rig)]).toEqual([true, 2n, 0x20n]);
    expect(rig.events()).toHaveLength(1);
  });

  it('needs IommuEn as well as CmdBufEn, and 256 entries', () => {
    const rig = new Rig();
    rig.control({ IOMMU_EN: 0 });
    rig.command(...completionWait(SEMAPHORE, 1n));
    expect([isRunning(rig), rig.load(SEMAPHORE)]).toEqual([false, 0n]);
    rig.control({ IOMMU_EN: 1 });
    expect(rig.load(SEMAPHORE)).toBe(1n);
    rig.control({ CMD_BUF_EN: 0 });
    write64(rig.unit, Register.COMMAND_BUFFER_BASE, COMMANDS | (7n << 56n));
    rig.control({ CMD_BUF_EN: 1 });
    expect(isRunning(rig)).toBe(false);
  });

  it('does not follow a tail beyond the ring', () => {
    const rig = new Rig();
    write64(rig.unit, Register.COMMAND_BUFFER_TAIL, 0x1000n);
    expect([head(rig), rig.unit.counters.commands]).toEqual([0n, 0]);
    rig.command(...completionWait(SEMAPHORE, 1n));
    expect(rig.load(SEMAPHORE)).toBe(1n);
  });

  it('moves to a new base when it is enabled again; the pointers start at 0', () => {
    const rig = new Rig();
    rig.command(...completionWait(SEMAPHORE, 1n));
    rig.control({ CMD_BUF_EN: 0 });
    write64(rig.unit, Register.COMMAND_BUFFER_BASE, 0x44_0000n | (8n << 56n));
    expect(head(rig)).toBe(0n);
    rig.store(0x44_0000n, completionWait(SEMAPHORE, 7n)[0]);
    rig.store(0x44_0008n, 7n);
    rig.control({ CMD_BUF_EN: 1 });
    write64(rig.unit, Register.COMMAND_BUFFER_TAIL, 0x10n);
    expect(rig.load(SEMAPHORE)).toBe(7n);
  });
});

describe('COMPLETION_WAIT', () => {
  it.each([
    ['nothing', 0n, 0n, 0n, []],
    ['store', 1n, 9n, 0n, []],
    ['interrupt', 2n, 0n, 1n, ['completion-wait']],
    ['store and interrupt', 3n, 9n, 1n, ['completion-wait']],
    ['flush alone', 4n, 0n, 0n, []],
    ['all', 7n, 9n, 1n, ['completion-wait']],
  ] as const)('%s', (_, flags, stored, status, interrupts) => {
    const rig = new Rig();
    rig.command(...completionWait(SEMAPHORE, 9n, flags));
    expect(rig.load(SEMAPHORE)).toBe(stored);
    expect(rig.unit.status['COM_WAIT_INT']).toBe(status);
    expect(rig.interrupts).toEqual(interrupts);
    write64(rig.unit, Register.STATUS, 4n);
    expect(rig.unit.status['COM_WAIT_INT']).toBe(0n);
  });

  it('interrupts only when ComWaitIntEn is set; the status bit does not ask', () => {
    const rig = new Rig();
    rig.control({ COM_WAIT_INT_EN: 0 });
    rig.command(...completionWait(SEMAPHORE, 9n, 2n));
    expect([rig.unit.status['COM_WAIT_INT'], rig.interrupts]).toEqual([1n, []]);
  });

  it('stores all of its 52 address bits', () => {
    const rig = new Rig();
    rig.command(...completionWait(0x1_7fff_fff8n, 0xdead_beef_0123_4567n));
    expect(rig.load(0x1_7fff_fff8n)).toBe(0xdead_beef_0123_4567n);
  });
});

describe('commands of features that the unit does not have', () => {
  // Neither PreF, PPR, GT nor IA; host tables of six levels.
  const efr = 0x800n;
  it.each([
    ['INVALIDATE_IOMMU_PAGES with GN', invalidatePages(5, 0x1000n, { pasid: 1 })],
    ['INVALIDATE_IOTLB_PAGES with GN', invalidateIotlb(8, 0x1000n, false, 1)],
    ['INVALIDATE_IOTLB_PAGES with a type', [(4n << 60n) | 8n, 0x1010n]],
    ['PREFETCH_IOMMU_PAGES', [6n << 60n, 0n]],
    ['COMPLETE_PPR_REQUEST', [7n << 60n, 0n]],
    ['INVALIDATE_IOMMU_ALL', INVALIDATE_ALL],
  ] as const)('%s is illegal', (_, command) => {
    const rig = new Rig({ efr });
    rig.unit.connectEndpoint(8, tlbEndpoint(new DeviceTlb(rig.unit, 8)));
    rig.command(command[0], command[1]);
    expect(rig.events()).toEqual([[0x5000_0000_0000_0000n, COMMANDS]]);
  });

  it.each([
    ['INVALIDATE_DEVTAB_ENTRY', invalidateDevice(8)],
    ['INVALIDATE_IOMMU_PAGES', invalidatePages(5, 0x1000n)],
    ['INVALIDATE_INTERRUPT_TABLE', [5n << 60n, 0n]],
  ] as const)('%s is legal', (_, command) => {
    const rig = new Rig({ efr });
    rig.command(command[0], command[1]);
    expect([rig.events(), isRunning(rig)]).toEqual([[], true]);
  });
});

describe('INVALIDATE_IOTLB_PAGES', () => {
  function withTlb(rig: Rig) {
    const root = rig.hostDevice(8, 5);
    rig.dte(8, root | DTE_RW | (3n << 9n), 5n | (1n << 32n));
    rig.mapHost(root, 3, 0x1000n, 0x1000_0000n | PTE_RW);
    const tlb = new DeviceTlb(rig.unit, 8);
    expect(tlb.translate(NO_PASID, 0, 0x1000, READ)).toBe(true);
    return tlb;
  }

  it('waits for a silent device until it answers when InvTimeOut is 0', () => {
    const rig = new Rig();
    rig.control({ INV_TIME_OUT: 0 });
    const tlb = withTlb(rig);
    rig.command(...invalidateIotlb(8, 0x1000n));
    rig.command(...completionWait(SEMAPHORE, 1n));
    expect([head(rig), isRunning(rig), rig.events(), rig.load(SEMAPHORE)]).toEqual([0n, true, [], 0n]);
    rig.unit.connectEndpoint(8, tlbEndpoint(tlb));
    write64(rig.unit, Register.COMMAND_BUFFER_TAIL, 0x20n);
    expect([head(rig), tlb.used, rig.load(SEMAPHORE)]).toEqual([0x20n, 0, 1n]);
  });

  it('gives up otherwise: an event with the device and the command, and the buffer stops', () => {
    const rig = new Rig();
    rig.command(...completionWait(SEMAPHORE, 1n));
    rig.command(...invalidateIotlb(8, 0x1000n));
    expect([head(rig), isRunning(rig)]).toEqual([0x10n, false]);
    expect(rig.events()).toEqual([[0x7000_0000_0000_0008n, COMMANDS + 0x10n]]);
    rig.unit.connectEndpoint(8, { invalidateTlb: () => 'timed-out', pageGroupResponse: () => undefined });
    rig.control({ CMD_BUF_EN: 0 });
    rig.control({ CMD_BUF_EN: 1 });
    expect(rig.events()).toEqual([[0x7000_0000_0000_0008n, COMMANDS + 0x10n]]);
  });

  it('is what a device forgets by: nothing else reaches its TLB', () => {
    const rig = new Rig();
    const tlb = withTlb(rig);
    rig.unit.connectEndpoint(8, tlbEndpoint(tlb));
    rig.command(...invalidatePages(5, 0x1000n, { pde: true }));
    rig.command(...INVALIDATE_ALL);
    expect(tlb.used).toBe(1);
    rig.command(...invalidateIotlb(8, 0x1000n));
    expect(tlb.used).toBe(0);
    rig.unit.connectEndpoint(8, null);
    rig.command(...invalidateIotlb(8, 0x1000n));
    expect(isRunning(rig)).toBe(false);
  });
});

describe('COMPLETE_PPR_REQUEST', () => {
  it.each([
    [0n, undefined, 0],
    [4n, 0x1_2345, 0xf],
  ] as const)('reaches the device with group index and code (GN %s)', (gn, pasid, status) => {
    const rig = new Rig();
    const responses: PageGroupResponse[] = [];
    rig.unit.connectEndpoint(8, { invalidateTlb: () => 0, pageGroupResponse: (response) => responses.push(response) });
    rig.command((7n << 60n) | (0x1_2345n << 32n) | 8n, gn | (0x2aan << 32n) | (BigInt(status) << 44n));
    expect(responses).toEqual([{ requesterId: 8, pasid, groupIndex: 0xaa, code: status }]);
    rig.command((7n << 60n) | 9n, 0n);
    expect(responses).toHaveLength(1);
  });
});
