import { write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { Register } from '../../src/layouts/register-offsets.js';
import { DEVICE_TABLE, DTE_RW, HOLE, INVALIDATE_ALL, PTE_RW, READ, Rig, WRITE } from './rig.js';

describe('the device table', () => {
  it.each([
    [0n, 0x7f],
    [1n, 0xff],
    [3n, 0x1ff],
    [0xfn, 0x7ff],
  ])('of %i + 1 pages ends at its last entry', (size, last) => {
    const rig = new Rig();
    write64(rig.unit, Register.DEVICE_TABLE_BASE, 0x20_0000n | size);
    rig.store(0x20_0000n + 32n * BigInt(last), DTE_RW);
    expect(rig.pa(last, 0x1000n)).toBe(0x1000n);
    rig.store(0x20_0000n + 32n * BigInt(last + 1), DTE_RW);
    expect(rig.ask(last + 1, 0x1000n).fault?.name).toBe('ILLEGAL_DEV_TABLE_ENTRY');
  });

  it('may lie above 4 GiB', () => {
    const rig = new Rig();
    write64(rig.unit, Register.DEVICE_TABLE_BASE, 0x1_2345_6000n);
    rig.store(0x1_2345_6100n, DTE_RW);
    expect(rig.pa(8, 0x42n)).toBe(0x42n);
  });

  it.each([
    [0, 0x0105, DEVICE_TABLE],
    [1, 0x8005, 0x20_0000n],
    [2, 0x4005, 0x20_0000n],
    [2, 0x8005, 0x21_0000n],
    [2, 0xc005, 0x22_0000n],
  ])('with %i segment bits finds device %i in its segment', (bits, deviceId, base) => {
    const rig = new Rig();
    for (const [index, at] of [0x20_0000n, 0x21_0000n, 0x22_0000n].entries()) {
      write64(rig.unit, Register.DEVICE_TABLE_SEGMENT_1 + 8 * index, at);
    }
    rig.control({ DEV_TBL_SEG_EN: bits });
    const index = BigInt(deviceId & ((1 << (16 - bits)) - 1));
    rig.store(base + 32n * index, DTE_RW);
    expect(rig.pa(deviceId, 0x1000n)).toBe(0x1000n);
    expect(rig.ask(deviceId ^ 0x200, 0x1000n).fault?.name).toBe('ILLEGAL_DEV_TABLE_ENTRY');
  });

  it('has no more segments than EFR says', () => {
    const rig = new Rig({ efr: 0x0013_006f_0000_98dbn });
    rig.control({ DEV_TBL_SEG_EN: 3 });
    write64(rig.unit, Register.DEVICE_TABLE_SEGMENT_1, 0x20_0000n);
    write64(rig.unit, Register.DEVICE_TABLE_SEGMENT_1 + 8, 0x21_0000n);
    expect(rig.unit.read32(Register.DEVICE_TABLE_SEGMENT_1)).toBe(0x20_0000);
    expect(rig.unit.read32(Register.DEVICE_TABLE_SEGMENT_1 + 8)).toBe(0);
    rig.store(0x20_0000n, DTE_RW);
    expect(rig.pa(0x8000, 0x1000n)).toBe(0x1000n);
  });
});

describe('an entry that is read while a driver writes it', () => {
  const OLD = 0x1000_0000n;
  const NEW = 0x2000_0000n;

  /**
   * A device goes from domain 1 to domain 2 in the order of Linux 6.12: second word, then first. The writer is stepped between two
   * reads of the unit; what the request meets is told by address (tables) and by the tag in the IOTLB (domain).
   */
  function torn(dteFetchBits: 64 | 128 | 256) {
    const rig = new Rig({ preset: 'zen-server', dteFetchBits });
    const oldRoot = rig.hostDevice(8, 1);
    rig.mapHost(oldRoot, 3, 0x1000n, OLD | PTE_RW);
    const newRoot = rig.table();
    rig.mapHost(newRoot, 3, 0x1000n, NEW | PTE_RW);
    const at = DEVICE_TABLE + 0x100n;
    let reads = 0;
    rig.unit.deviceTable.betweenReads = () => {
      reads++;
      rig.store(at + 8n, 2n);
      rig.store(at, newRoot | DTE_RW | 0x600n);
    };
    const pa = rig.pa(8, 0x1000n);
    const domain = [1, 2].find((id) => rig.unit.caches.iotlb.lookup(0, 0x1000, id, -1));
    return { pa, domain, reads };
  }

  it('64 bits at a time: the new DomainID with the old tables', () => {
    expect(torn(64)).toEqual({ pa: OLD, domain: 2, reads: 3 });
  });

  it('128 bits at a time: both words are of one moment', () => {
    expect(torn(128)).toEqual({ pa: OLD, domain: 1, reads: 1 });
  });

  it('256 bits at a time: nobody comes in between', () => {
    expect(torn(256)).toEqual({ pa: OLD, domain: 1, reads: 0 });
  });

  it('is not torn for those that only look', () => {
    const rig = new Rig({ preset: 'zen-server', dteFetchBits: 64 });
    rig.hostDevice(8, 1);
    rig.unit.deviceTable.betweenReads = () => expect.unreachable();
    expect(rig.unit.explain(8, -1, 0x1000n, READ).fault?.name).toBe('IO_PAGE_FAULT');
  });
});

describe('the cache of entries', () => {
  it.each([
    [64, true],
    [0, false],
  ])('of %i entries keeps an entry until it is invalidated', (deviceEntries, keeps) => {
    const rig = new Rig({ preset: 'zen-server', caches: { deviceEntries } });
    rig.dte(8, DTE_RW);
    expect(rig.pa(8, 0x1000n, WRITE)).toBe(0x1000n);
    rig.dte(8, 3n);
    expect(rig.pa(8, 0x1000n, WRITE)).toBe(keeps ? 0x1000n : undefined);
    rig.command(...INVALIDATE_ALL);
    expect(rig.pa(8, 0x1000n, WRITE)).toBeUndefined();
  });

  it('does not keep what could not be read', () => {
    const rig = new Rig();
    write64(rig.unit, Register.DEVICE_TABLE_BASE, HOLE | 3n);
    expect(rig.ask(8, 0n).fault?.name).toBe('DEV_TAB_HARDWARE_ERROR');
    write64(rig.unit, Register.DEVICE_TABLE_BASE, DEVICE_TABLE | 3n);
    rig.dte(8, DTE_RW);
    expect(rig.pa(8, 0n)).toBe(0n);
  });
});
