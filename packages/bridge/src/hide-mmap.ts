import type { AddressSpace } from '@ioasis/core';

/** Offset of `flags` in struct vfio_region_info, bytes. */
const FLAGS_AT = 4n;
/** VFIO_REGION_INFO_FLAG_MMAP. */
const MMAP = 0x4;

/**
 * Takes the offer to map a region out of an answer: registers of a model act when they are accessed, which plain memory cannot do, so programs
 * use pread and pwrite. What remains is what a kernel says of a region that cannot be mapped.
 */
export function hideMmap(space: AddressSpace, argument: bigint): void {
  const [flags = 0] = space.peek(argument + FLAGS_AT, 1);
  if ((flags & MMAP) !== 0) space.poke(argument + FLAGS_AT, Uint8Array.of(flags & ~MMAP));
}
