import {
  VfioIommuType1Info,
  VfioIommuType1InfoCapIovaRange,
  VfioIommuType1InfoCapMigration,
  VfioIommuType1InfoDmaAvail,
  VfioInfoCapHeader,
  VfioIovaRange,
  type Range64,
} from '@ioasis/core';
import { InfoCap } from '../abi/constants.js';

/** The answer of VFIO_IOMMU_GET_INFO with its capabilities. */
export interface ContainerInfo {
  /** Page sizes, bit n = 2^n bytes. */
  readonly pageSizes: bigint;
  /** Usable IOVAs; undefined: the capability is not there. */
  readonly iovaRanges: readonly Range64[] | undefined;
  /** Mappings that may still be made; undefined: the capability is not there. */
  readonly dmaAvailable: number | undefined;
  /** Dirty pages of the classic container: page sizes and the largest bitmap in bytes. */
  readonly migration: { readonly pageSizes: bigint; readonly maxBitmapBytes: bigint } | undefined;
  /** Capability ids in the order of the chain, with their offsets in bytes. */
  readonly chain: readonly { readonly id: number; readonly offset: number }[];
}

/** Decodes an answer: follows the capability chain from `cap_offset` on. */
export function decodeContainerInfo(bytes: Uint8Array): ContainerInfo {
  const { iova_pgsizes: pageSizes, cap_offset: first } = VfioIommuType1Info.decode(bytes);
  const chain: { readonly id: number; readonly offset: number }[] = [];
  let iovaRanges: Range64[] | undefined;
  let dmaAvailable: number | undefined;
  let migration: ContainerInfo['migration'];
  for (let at = first; at !== 0; at = VfioInfoCapHeader.decode(bytes.subarray(at)).next) {
    const rest = bytes.subarray(at);
    const { id } = VfioInfoCapHeader.decode(rest);
    chain.push({ id, offset: at });
    if (id === InfoCap.IOVA_RANGE) iovaRanges = decodeRanges(rest);
    else if (id === InfoCap.DMA_AVAIL) dmaAvailable = VfioIommuType1InfoDmaAvail.decode(rest).avail;
    else if (id === InfoCap.MIGRATION) {
      const cap = VfioIommuType1InfoCapMigration.decode(rest);
      migration = { pageSizes: cap.pgsize_bitmap, maxBitmapBytes: cap.max_dirty_bitmap_size };
    }
  }
  return { pageSizes, iovaRanges, dmaAvailable, migration, chain };
}

function decodeRanges(capability: Uint8Array): Range64[] {
  const head = VfioIommuType1InfoCapIovaRange;
  return Array.from({ length: head.decode(capability).nr_iovas }, (_, index) => {
    const { start, end } = VfioIovaRange.decode(capability.subarray(head.size + index * VfioIovaRange.size));
    return { start, last: end };
  });
}
