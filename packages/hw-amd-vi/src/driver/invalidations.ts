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
 * @param form `host` (GN = 0), or `guest`: PASID 0 (GN = 1)
 */
export function invalidatePages(
  domainId: number,
  start: bigint,
  last: bigint,
  form: 'host' | 'guest' = 'host',
): bigint {
  const fields = { OPCODE: Opcode.INVALIDATE_IOMMU_PAGES, DOMAIN_ID: domainId, PDE: 1, GN: form === 'guest' };
  const different = start ^ last;
  if (different >> 12n === 0n) return INVALIDATE_IOMMU_PAGES.encode({ ...fields, S: 0, ADDRESS: start >> 12n });
  const highest = different.toString(2).length - 1;
  // The size is coded as a run of ones below the highest bit in which both ends differ; that bit is 0 in `start`.
  const address = highest > 51 ? EVERYTHING : (start | ((1n << BigInt(highest)) - 1n)) >> 12n;
  return INVALIDATE_IOMMU_PAGES.encode({ ...fields, S: 1, ADDRESS: address });
}

/** {@link invalidatePages} of everything in a domain. */
export const invalidateDomain = (domainId: number, form: 'host' | 'guest' = 'host'): bigint =>
  invalidatePages(domainId, 0n, 0xffff_ffff_ffff_ffffn, form);

/**
 * Cuts `[start, last]` into naturally aligned powers of two. With NpCache a hypervisor shadows the tables and walks what is
 * flushed, so nothing more is; from 2^52 bytes on it does not matter.
 */
export function* alignedPieces(start: bigint, last: bigint): Generator<readonly [bigint, bigint]> {
  if (last - start + 1n >= 1n << 52n) {
    yield [start, last];
    return;
  }
  for (let at = start; at <= last;) {
    let size = at === 0n ? 1n << 51n : at & -at;
    while (at + size - 1n > last) size >>= 1n;
    yield [at, at + size - 1n];
    at += size;
  }
}
