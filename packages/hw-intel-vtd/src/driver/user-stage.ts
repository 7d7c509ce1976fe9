import { copyUserEntry, copyUserStruct, Errno, type HwptUserData, type UserDataArray } from '@ioasis/core';

/** IOMMU_HWPT_DATA_VTD_S1 and `sizeof(struct iommu_hwpt_vtd_s1)`. */
const DATA_TYPE = 1;
const DATA_BYTES = 24;
const Flag = { SRE: 1n, EAFE: 2n, WPE: 4n } as const;
/** IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 and `sizeof(struct iommu_hwpt_vtd_s1_invalidate)`. */
const INVALIDATE_TYPE = 0;
const INVALIDATE_BYTES = 24;
const INVALIDATE_LEAF = 1;
const ALL_PAGES = 0xffff_ffff_ffff_ffffn;

/** First-stage tables of a user, as HWPT_ALLOC describes them. */
export interface UserStage {
  /** Address of the root table in the second stage's input, bytes. */
  readonly root: bigint;
  readonly addressWidth: number;
  /** 4 or 5; meaningful for a width of 48 or 57 bits. */
  readonly levels: number;
  readonly supervisor: boolean;
  readonly writeProtect: boolean;
  readonly extendedAccessed: boolean;
}

/** What one entry of HWPT_INVALIDATE names. */
export interface UserInvalidation {
  readonly start: bigint;
  /** Inclusive. */
  readonly last: bigint;
  readonly leafOnly: boolean;
}

/** @returns the tables, or an errno number: EOPNOTSUPP (another type), EINVAL (size), EFAULT */
export function readUserStage(data: HwptUserData): UserStage | number {
  if (data.type !== DATA_TYPE) return Errno.EOPNOTSUPP;
  const bytes = copyUserStruct(data, DATA_TYPE, DATA_BYTES, DATA_BYTES);
  if (typeof bytes === 'number') return bytes;
  const view = new DataView(bytes.buffer);
  const flags = view.getBigUint64(0, true);
  const addressWidth = view.getUint32(16, true);
  return {
    root: view.getBigUint64(8, true),
    addressWidth,
    levels: addressWidth === 57 ? 5 : 4,
    supervisor: (flags & Flag.SRE) !== 0n,
    writeProtect: (flags & Flag.WPE) !== 0n,
    extendedAccessed: (flags & Flag.EAFE) !== 0n,
  };
}

/** Whether entries of this type are known. */
export const isUserInvalidation = ({ type }: UserDataArray): boolean => type === INVALIDATE_TYPE;

/** @returns the range, or an errno number: EFAULT, EOPNOTSUPP (unknown flag, reserved field), EINVAL */
export function readUserInvalidation(entries: UserDataArray, index: number): UserInvalidation | number {
  const bytes = copyUserEntry(entries, index, INVALIDATE_TYPE, INVALIDATE_BYTES, INVALIDATE_BYTES);
  if (typeof bytes === 'number') return bytes;
  const view = new DataView(bytes.buffer);
  const start = view.getBigUint64(0, true);
  const pages = view.getBigUint64(8, true);
  const flags = view.getUint32(16, true);
  if ((flags & ~INVALIDATE_LEAF) !== 0 || view.getUint32(20, true) !== 0) return Errno.EOPNOTSUPP;
  if ((start & 0xfffn) !== 0n || (pages === ALL_PAGES && start !== 0n)) return Errno.EINVAL;
  // No page at all comes out as one, and the sum wraps, as in the kernel.
  const bytesMinusOne = ((pages === 0n ? 1n : pages) << 12n) - 1n;
  const last = pages === ALL_PAGES ? ALL_PAGES : BigInt.asUintN(64, start + bytesMinusOne);
  return { start, last, leafOnly: flags === INVALIDATE_LEAF };
}
