import { Errno, Prot, type UserDataArray } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { UserDomain } from '../../src/driver/nested-domain.js';
import type { UserStage } from '../../src/driver/user-stage.js';
import { device, driverBench, mapRun, REGISTERS, unmapRun } from './driver-bench.js';

const RW = Prot.READ | Prot.WRITE;
const DEV = device(0x38);
const U64_MAX = 0xffff_ffff_ffff_ffffn;
const SRS = 1n << 31n;
/** NEST, SSADS, SMPWCS, SC; not SRS. */
const NESTING = { cap: REGISTERS.scalable.cap, ecap: (REGISTERS.scalable.ecap & ~SRS) | 0x1_2000_0400_0080n };
const PLAIN: UserStage = {
  root: 0x5_5000n,
  addressWidth: 48,
  levels: 4,
  supervisor: false,
  writeProtect: false,
  extendedAccessed: false,
};

/** Entries of HWPT_INVALIDATE: address, pages, flags. */
function invalidations(...entries: [addr: bigint, pages: bigint, flags: number][]): UserDataArray {
  const read = (index: number, into: Uint8Array): boolean => {
    const view = new DataView(into.buffer, into.byteOffset);
    const [addr, pages, flags] = entries[index]!;
    view.setBigUint64(0, addr, true);
    view.setBigUint64(8, pages, true);
    view.setUint32(16, flags, true);
    return true;
  };
  return { type: 0, entryBytes: 24, count: entries.length, read };
}

function nested(stage: Partial<UserStage> = {}, registers: { cap: bigint; ecap: bigint } = NESTING) {
  const bench = driverBench(registers);
  const parent = bench.domain({ isNestParent: true });
  const user = new UserDomain(parent, { ...PLAIN, ...stage });
  bench.driver.addDevice(DEV);
  const taken = (): string[] => bench.fake.take().map(([q0, q1]) => `${q0.toString(16)} ${q1.toString(16)}`);
  /** First three words of the PASID entry. */
  const entry = (): bigint[] => {
    const root = BigInt(bench.fake.read32(0x20) & ~0xfff);
    const context = (bench.load(root) & ~0xfffn) + 0x38n * 32n;
    const table = bench.load(bench.load(context) & ~0xfffn) & ~0xfffn;
    return [0n, 8n, 16n].map((offset) => bench.load(table + offset));
  };
  taken();
  return { ...bench, parent, user, taken, entry };
}

describe("a user's first stage on the kernel's second stage", () => {
  it('is written as one PASID entry with a domain id of its own', () => {
    const { driver, parent, user, entry } = nested();
    expect(driver.attach(DEV, user)).toBe(0);
    // P, AW 2, PGTT 3; DID 2, PWSNP; FSPTPTR.
    expect(entry()).toEqual([parent.root | 0xc9n, 0x80_0002n, 0x5_5000n]);
    const other = device(0x40);
    driver.addDevice(other);
    driver.attach(other, parent);
    driver.detach(DEV);
    expect(entry()).toEqual([0n, 0n, 0n]);
  });

  it('carries supervisor, write protection, page snooping and dirty tracking', () => {
    const { driver, parent, user, entry } = nested(
      { supervisor: true, writeProtect: true },
      { cap: NESTING.cap, ecap: NESTING.ecap | SRS },
    );
    expect(parent.enforceCacheCoherency()).toBe(true);
    parent.isTracking = true;
    driver.attach(DEV, user);
    // SSADE; PGSNP; SRE and WPE.
    expect(entry()).toEqual([parent.root | 0x2c9n, 0x180_0002n, 0x5_5011n]);
  });

  it.each([
    ['five levels without FS5LP', { addressWidth: 57, levels: 5 }],
    ['a width that does not exist', { addressWidth: 39 }],
    ['supervisor requests without SRS', { supervisor: true }],
    ['extended accessed flags without EAFS', { extendedAccessed: true }],
  ])('is refused: %s', (_, stage) => {
    const { driver, user } = nested(stage);
    expect(driver.attach(DEV, user)).toBe(Errno.EINVAL);
  });

  it('is refused by a unit with fewer levels than the tables below have', () => {
    const { user } = nested();
    const narrow = driverBench({ cap: REGISTERS.aw39.cap, ecap: NESTING.ecap });
    narrow.driver.addDevice(DEV);
    expect(narrow.driver.attach(DEV, user)).toBe(Errno.ENODEV);
  });

  it('is invalidated by its user, PASID by PASID, with or without tables', () => {
    const { driver, user, taken } = nested();
    driver.attach(DEV, user);
    taken();
    expect(user.invalidate(invalidations([0x4000n, 2n, 0], [0x7000n, 1n, 1], [0n, U64_MAX, 0]))).toEqual({
      handled: 3,
      errno: 0,
    });
    expect(taken()).toEqual(['20036 4001', '20036 7040', '20036 34']);
    // The second entry is wrong: the first was done.
    expect(user.invalidate(invalidations([0x4000n, 1n, 0], [0x10n, 1n, 0]))).toEqual({
      handled: 1,
      errno: Errno.EINVAL,
    });
    expect(user.invalidate({ ...invalidations(), type: 1 })).toEqual({ handled: 0, errno: Errno.EINVAL });
    expect(user.invalidate(invalidations())).toEqual({ handled: 0, errno: 0 });
  });

  it('is invalidated with its parent, under its own domain id', () => {
    const { driver, parent, user, taken } = nested();
    driver.addDevice(device(0x40));
    driver.attach(device(0x40), parent);
    driver.attach(DEV, user);
    mapRun(parent, 0x1000n, 0x5000n, 4096, RW);
    taken();
    unmapRun(parent, 0x1000n, 4096);
    expect(taken()).toEqual(['200f2 1040', '300f2 1040']);
    driver.detach(DEV);
    taken();
    parent.flushAll();
    expect(taken()).toEqual(['200e2 0']);
    driver.attach(DEV, user);
    taken();
    user.tags.flushAll();
    expect(taken(), 'everything of a first stage is its PASID').toEqual(['30026 0']);
  });

  it('is told when its parent begins to track dirty pages', () => {
    const { driver, domain, taken, entry } = nested();
    const parent = domain({ isNestParent: true, isTracked: true });
    driver.attach(DEV, new UserDomain(parent, PLAIN));
    taken();
    expect(parent.dirty?.setTracking(true)).toBe(0);
    expect(entry()[0]! & 0xfffn).toBe(0x2c9n);
    expect(taken()).toEqual(['20017 0', '200e2 0']);
    parent.dirty?.setTracking(false);
    expect(entry()[0]! & 0xfffn).toBe(0xc9n);
  });
});
