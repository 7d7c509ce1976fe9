import { Errno, type HwptUserData, type UserDataArray } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { readUserInvalidation, readUserStage } from '../../src/driver/user-stage.js';

/** `struct iommu_hwpt_vtd_s1`. */
function stageData(
  flags: bigint,
  root: bigint,
  width: number,
  { type = 1, bytes = 24, readable = true } = {},
): HwptUserData {
  const view = new DataView(new ArrayBuffer(64));
  view.setBigUint64(0, flags, true);
  view.setBigUint64(8, root, true);
  view.setUint32(16, width, true);
  return {
    type,
    bytes,
    read: (into) => {
      into.set(new Uint8Array(view.buffer).subarray(0, into.length));
      return readable;
    },
  };
}

/** One `struct iommu_hwpt_vtd_s1_invalidate`. */
function entry(addr: bigint, pages: bigint, flags = 0, reserved = 0, entryBytes = 24): UserDataArray {
  const view = new DataView(new ArrayBuffer(64));
  view.setBigUint64(0, addr, true);
  view.setBigUint64(8, pages, true);
  view.setUint32(16, flags, true);
  view.setUint32(20, reserved, true);
  const read = (_: number, into: Uint8Array): boolean => {
    into.set(new Uint8Array(view.buffer).subarray(0, into.length));
    return true;
  };
  return { type: 0, entryBytes, count: 1, read };
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;

describe('VTD_S1 of HWPT_ALLOC', () => {
  it('names the root, the width and three permissions', () => {
    expect(readUserStage(stageData(0b101n, 0x1234_5000n, 57))).toEqual({
      root: 0x1234_5000n,
      addressWidth: 57,
      levels: 5,
      supervisor: true,
      extendedAccessed: false,
      writeProtect: true,
    });
    expect(readUserStage(stageData(0b010n, 0n, 48))).toMatchObject({
      levels: 4,
      extendedAccessed: true,
      supervisor: false,
    });
  });

  it('is refused: another type, too small, too large, unreadable', () => {
    expect(readUserStage(stageData(0n, 0n, 48, { type: 0xdead }))).toBe(Errno.EOPNOTSUPP);
    expect(readUserStage(stageData(0n, 0n, 48, { bytes: 23 }))).toBe(Errno.EINVAL);
    expect(readUserStage(stageData(0n, 0n, 48, { bytes: 25 }))).toBe(Errno.EINVAL);
    expect(readUserStage(stageData(0n, 0n, 48, { readable: false }))).toBe(Errno.EFAULT);
  });
});

describe('VTD_S1 of HWPT_INVALIDATE', () => {
  it.each([
    ['pages', entry(0x5000n, 3n), { start: 0x5000n, last: 0x7fffn, leafOnly: false }],
    ['leaves', entry(0x5000n, 1n, 1), { start: 0x5000n, last: 0x5fffn, leafOnly: true }],
    ['everything', entry(0n, U64_MAX), { start: 0n, last: U64_MAX, leafOnly: false }],
    ['no page, which is one', entry(0x5000n, 0n), { start: 0x5000n, last: 0x5fffn, leafOnly: false }],
  ])('names %s', (_, entries, range) => {
    expect(readUserInvalidation(entries, 0)).toEqual(range);
  });

  it.each([
    ['an unknown flag, before an address that is not aligned', entry(0x10n, 1n, 2), Errno.EOPNOTSUPP],
    ['a reserved field', entry(0n, 1n, 0, 1), Errno.EOPNOTSUPP],
    ['an address that is not aligned', entry(0x10n, 1n), Errno.EINVAL],
    ['everything but from somewhere', entry(0x1000n, U64_MAX), Errno.EINVAL],
    ['a short entry', entry(0n, 1n, 0, 0, 20), Errno.EINVAL],
  ])('refuses %s', (_, entries, errno) => {
    expect(readUserInvalidation(entries, 0)).toBe(errno);
  });
});
