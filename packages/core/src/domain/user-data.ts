import { Errno } from '../errno/index.js';

/** The driver data of HWPT_ALLOC where the user has it. A driver reads it when its own checks have come that far. */
export interface HwptUserData {
  readonly type: number;
  /** Size that the user gave, bytes. */
  readonly bytes: number;
  /** Reads the first `into.length` bytes. False: the user's memory ends before. */
  read(into: Uint8Array): boolean;
}

/** The entries of HWPT_INVALIDATE where the user has them. */
export interface UserDataArray {
  readonly type: number;
  /** Size of each entry that the user gave, bytes. */
  readonly entryBytes: number;
  readonly count: number;
  /** Reads the first `into.length` bytes of an entry. False: the user's memory ends before. */
  read(index: number, into: Uint8Array): boolean;
}

/**
 * Reads a driver's structure in the kernel's order of checks (`iommu_copy_struct_from_user`): type, size, memory.
 * @param size `sizeof` the structure as the driver knows it, bytes
 * @param minSize end of the last field of its first version, bytes
 * @returns `size` bytes, zero-extended, or an errno number: EINVAL, EFAULT
 */
export function copyUserStruct(data: HwptUserData, type: number, size: number, minSize: number): Uint8Array | number {
  if (data.type !== type || data.bytes < minSize || data.bytes > size) return Errno.EINVAL;
  const bytes = new Uint8Array(size);
  return data.read(bytes.subarray(0, data.bytes)) ? bytes : Errno.EFAULT;
}

/** Reads one entry of an array, as {@link copyUserStruct} (`iommu_copy_struct_from_user_array`). */
export function copyUserEntry(
  array: UserDataArray,
  index: number,
  type: number,
  size: number,
  minSize: number,
): Uint8Array | number {
  const { entryBytes } = array;
  return copyUserStruct(
    { type: array.type, bytes: entryBytes, read: (into) => array.read(index, into) },
    type,
    size,
    minSize,
  );
}
