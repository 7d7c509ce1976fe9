import {
  join64,
  NO_PASID,
  type CacheKind,
  type CacheQuery,
  type CacheTags,
  type CarefulWalker,
  type DeviceTlbRange,
  type HardwareFault,
  type Range64,
  type UnitObserver,
} from '@ioasis/core';
import { descriptorName } from '../layouts/descriptors.js';
import { ContextKind, NO_PASID_TAG, type TranslationContext } from './translation-context.js';

/** Tag `stage` of translations and of links to tables. */
export const StageTag = { FIRST: 1, SECOND: 2 } as const;
/** Tag `structure` of decoded structures. */
export const StructureTag = { CONTEXT: 1, PASID: 2 } as const;

const FRAME_BYTES = 0x1000n;

/**
 * Tells a unit's observer what the unit does; silent without one. All parts of a unit share it.
 *
 * Tags: `domain`, `pasid`, `requester` as VT-d tags entries, and `stage` or `structure` ({@link StageTag}, {@link StructureTag}) where
 * a command leaves alone what another one drops from the same kind of cache.
 */
export class UnitWatch {
  observer: UnitObserver | null = null;
  /** The request that is being served: on its behalf caches are filled. */
  requester = 0;
  /** Or `NO_PASID`. */
  pasid: number = NO_PASID;

  /** A page went into the IOTLB. */
  page(context: TranslationContext, hi: number, lo: number, shift: number, paHi: number, paLo: number): void {
    if (this.observer === null) return;
    const range = pageRange(hi, lo, shift);
    const first = join64(paHi, paLo) & ~(range.last - range.start);
    this.#filled('iotlb', pageTags(context), range, first);
  }

  /** "Not present" went into the IOTLB. */
  absentPage(context: TranslationContext, hi: number, lo: number, shift: number): void {
    if (this.observer === null) return;
    this.#filled('iotlb', pageTags(context), pageRange(hi, lo, shift), undefined);
  }

  /** A watched walk's tables below its root went into a paging-structure cache. */
  path(walker: CarefulWalker, domain: number, pasidTag: number, hi: number, lo: number): void {
    if (this.observer === null) return;
    walker.format.levels.forEach(({ shift, indexBits }, level) => {
      const frame = walker.pathTable[level]!;
      if (frame < 0) return;
      const range = pageRange(hi, lo, shift + indexBits);
      this.#filled('paging-structure', linkTags(domain, pasidTag), range, BigInt(frame) * FRAME_BYTES);
    });
  }

  /** A context entry was kept; scalable-mode entries have no domain. */
  context(domain: number | undefined): void {
    if (this.observer === null) return;
    const tags = { structure: StructureTag.CONTEXT, requester: this.requester };
    this.#filled('structure', domain === undefined ? tags : { ...tags, domain }, undefined, undefined);
  }

  /** A PASID entry was kept; one that is not present has no domain. */
  pasidEntry(pasid: number, domain: number | undefined): void {
    if (this.observer === null) return;
    const tags = { structure: StructureTag.PASID, requester: this.requester, pasid };
    this.#filled('structure', domain === undefined ? tags : { ...tags, domain }, undefined, undefined);
  }

  /** A translation request was answered with rights: the device may keep the answer. */
  devicePage(hi: number, lo: number, shift: number, paHi: number, paLo: number): void {
    if (this.observer === null) return;
    const range = pageRange(hi, lo, shift);
    const tags = { requester: this.requester, pasid: this.pasid };
    this.#filled('device-tlb', tags, range, join64(paHi, paLo) & ~(range.last - range.start));
  }

  /** An invalidation was carried out: of the entries that overlap the query's range, if it has one. */
  invalidated(
    command: string,
    caches: readonly CacheKind[],
    tags: CacheTags,
    query: CacheQuery | undefined,
    dropped: number,
  ): void {
    if (this.observer === null) return;
    const range =
      query?.ranged === true
        ? { start: join64(query.startHi, query.startLo), last: join64(query.lastHi, query.lastLo) }
        : undefined;
    this.observer.invalidated({ command, caches, tags, range, dropped });
  }

  /** A device said that it has forgotten what a range names, so many entries. */
  deviceInvalidated(requester: number, named: DeviceTlbRange, dropped: number): void {
    if (this.observer === null) return;
    const { pasid, startHi, startLo, lastHi, lastLo } = named;
    const range = { start: join64(startHi, startLo), last: join64(lastHi, lastLo) };
    const command = pasid === NO_PASID ? 'device-TLB' : 'PASID-based-device-TLB';
    const tags = pasid === undefined ? { requester } : { requester, pasid };
    this.observer.invalidated({ command, caches: ['device-tlb'], tags, range, dropped });
  }

  /** A descriptor was decoded and is about to act. */
  executing(type: number, words: Int32Array): void {
    this.observer?.executing(descriptorName(type), words);
  }

  faulted(fault: HardwareFault): void {
    this.observer?.faulted(fault);
  }

  #filled(cache: CacheKind, tags: CacheTags, range: Range64 | undefined, pa: bigint | undefined): void {
    const { requester: requesterId, pasid } = this;
    this.observer?.filled({ cache, requesterId, pasid, tags, range, pa });
  }
}

/** Second-stage links belong to a domain whatever the PASID, first-stage and nested ones to both (VT-d 6.2.1). */
const linkTags = (domain: number, pasidTag: number): CacheTags =>
  pasidTag === NO_PASID_TAG ? { stage: StageTag.SECOND, domain } : { stage: StageTag.FIRST, domain, pasid: pasidTag };

function pageTags({ kind, domain, pasidTag }: TranslationContext): CacheTags {
  const stage = kind === ContextKind.SECOND_STAGE ? StageTag.SECOND : StageTag.FIRST;
  return pasidTag === NO_PASID_TAG ? { stage, domain } : { stage, domain, pasid: pasidTag };
}

/** The 2^shift bytes around an address. */
function pageRange(hi: number, lo: number, shift: number): Range64 {
  const offset = (1n << BigInt(shift)) - 1n;
  const start = join64(hi, lo) & ~offset;
  return { start, last: start | offset };
}
