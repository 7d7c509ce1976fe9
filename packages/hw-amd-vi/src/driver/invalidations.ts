import { INVALIDATE_DEVTAB_ENTRY, INVALIDATE_IOMMU_ALL, INVALIDATE_IOMMU_PAGES, Opcode } from '../layouts/commands.js';

/** INVALIDATE_DEVTAB_ENTRY of a device. */
export const invalidateDevice = (deviceId: number): bigint =>
  INVALIDATE_DEVTAB_ENTRY.encode({ OPCODE: Opcode.INVALIDATE_DEVTAB_ENTRY, DEVICE_ID: deviceId });

/** INVALIDATE_IOMMU_ALL. */
export const invalidateAll = (): bigint => INVALIDATE_IOMMU_ALL.encode({ OPCODE: Opcode.INVALIDATE_IOMMU_ALL });

/** The whole address space of {@link invalidatePages}. */
const EVERYTHING = 0x7_ffff_ffff_ffffn;

/**
 * One INVALIDATE_IOMMU_PAGES that covers `[start, last]`, page directories included: the aligned power of two that holds both, which
 * may be more than was asked for. Linux sends one command where others would send several.
 */
export function invalidatePages(domainId: number, start: bigint, last: bigint): bigint {
  const fields = { OPCODE: Opcode.INVALIDATE_IOMMU_PAGES, DOMAIN_ID: domainId, PDE: 1 };
  const different = start ^ last;
  if (different >> 12n === 0n) return INVALIDATE_IOMMU_PAGES.encode({ ...fields, S: 0, ADDRESS: start >> 12n });
  const highest = different.toString(2).length - 1;
  // The size is coded as a run of ones below the highest bit in which both ends differ; that bit is 0 in `start`.
  const address = highest > 51 ? EVERYTHING : (start | ((1n << BigInt(highest)) - 1n)) >> 12n;
  return INVALIDATE_IOMMU_PAGES.encode({ ...fields, S: 1, ADDRESS: address });
}

/** {@link invalidatePages} of everything in a domain. */
export const invalidateDomain = (domainId: number): bigint => invalidatePages(domainId, 0n, 0xffff_ffff_ffff_ffffn);
