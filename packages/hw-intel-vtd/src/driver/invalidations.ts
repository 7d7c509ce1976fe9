import {
  CONTEXT_CACHE_DESCRIPTOR,
  DescriptorType,
  IOTLB_DESCRIPTOR,
  PASID_CACHE_DESCRIPTOR,
  PASID_IOTLB_DESCRIPTOR,
  PasidCacheGranularity,
  PasidIotlbGranularity,
} from '../layouts/descriptors.js';
import { Granularity } from '../layouts/invalidation-registers.js';

/** Context cache: everything. */
export const contextGlobal = (): bigint =>
  CONTEXT_CACHE_DESCRIPTOR.encode({ TYPE: DescriptorType.CONTEXT_CACHE, G: Granularity.GLOBAL });

/** Context cache: one requester, entries of one domain. */
export const contextOfDevice = (domainId: number, sourceId: number): bigint =>
  CONTEXT_CACHE_DESCRIPTOR.encode({
    TYPE: DescriptorType.CONTEXT_CACHE,
    G: Granularity.SELECTIVE,
    DID: domainId,
    SID: sourceId,
  });

/** PASID cache: everything. */
export const pasidCacheGlobal = (): bigint =>
  PASID_CACHE_DESCRIPTOR.encode({ TYPE: DescriptorType.PASID_CACHE, G: PasidCacheGranularity.GLOBAL });

/** PASID cache: one PASID (0 stands for requests without PASID) of one domain. */
export const pasidCacheOf = (domainId: number, pasid: number): bigint =>
  PASID_CACHE_DESCRIPTOR.encode({
    TYPE: DescriptorType.PASID_CACHE,
    G: PasidCacheGranularity.PASID,
    DID: domainId,
    PASID: pasid,
  });

/** PASID-based IOTLB: all of a PASID of one domain. */
export const pasidIotlbOf = (domainId: number, pasid: number): bigint =>
  PASID_IOTLB_DESCRIPTOR.encode({
    TYPE: DescriptorType.PASID_IOTLB,
    G: PasidIotlbGranularity.ALL_IN_PASID,
    DID: domainId,
    PASID: pasid,
  });

/** PASID-based IOTLB: a block of a PASID of one domain. @param leafOnly IH: no table was changed, only pages */
export const pasidIotlbOfPages = (
  domainId: number,
  pasid: number,
  { address, mask }: PageBlock,
  leafOnly: boolean,
): bigint =>
  PASID_IOTLB_DESCRIPTOR.encode({
    TYPE: DescriptorType.PASID_IOTLB,
    G: PasidIotlbGranularity.PAGES,
    DID: domainId,
    PASID: pasid,
    ADDR: address >> 12n,
    AM: mask,
    IH: leafOnly,
  });

/** Which requests an invalidation waits for, where the hardware can (CAP.DWD, CAP.DRD). */
export interface Drain {
  readonly DW: boolean;
  readonly DR: boolean;
}

/** IOTLB: everything. */
export const iotlbGlobal = (drain: Drain): bigint =>
  IOTLB_DESCRIPTOR.encode({ TYPE: DescriptorType.IOTLB, G: Granularity.GLOBAL, ...drain });

/** IOTLB: a domain. */
export const iotlbOfDomain = (domainId: number, drain: Drain): bigint =>
  IOTLB_DESCRIPTOR.encode({ TYPE: DescriptorType.IOTLB, G: Granularity.DOMAIN, DID: domainId, ...drain });

/** Pages that one page-selective invalidation names. */
export interface PageBlock {
  /** First byte. */
  readonly address: bigint;
  /** log2 of its 4 KiB pages. */
  readonly mask: number;
}

/** IOTLB: a block of a domain. @param leafOnly IH: no table was changed, only pages */
export const iotlbOfPages = (domainId: number, { address, mask }: PageBlock, leafOnly: boolean, drain: Drain): bigint =>
  IOTLB_DESCRIPTOR.encode({
    TYPE: DescriptorType.IOTLB,
    G: Granularity.SELECTIVE,
    DID: domainId,
    ADDR: address >> 12n,
    AM: mask,
    IH: leafOnly,
    ...drain,
  });

/** Address bits of a page frame number, 64 - 12: the mask of a block that holds every address. */
const FRAME_BITS = 52;

/**
 * The smallest naturally aligned block that holds `[start, last]`, as hardware names it. One command instead of several, at the price
 * of invalidating more than asked.
 */
export function blockOf(start: bigint, last: bigint): PageBlock {
  const first = start >> 12n;
  const different = first ^ (last >> 12n);
  const mask = different === 0n ? 0 : different.toString(2).length;
  if (mask >= FRAME_BITS) return { address: 0n, mask: FRAME_BITS };
  return { address: (first >> BigInt(mask)) << BigInt(mask + 12), mask };
}
