import type { Endpoint, PageRequestMessage, PageRequestResult } from './endpoint.js';
import type { HardwareFault, TranslationWalk } from './fault.js';
import type { MmioWindow } from './mmio.js';
import type { UnitObserver } from './unit-observer.js';

/** Bits of an access. A request may carry several (an atomic is READ|WRITE|ATOMIC). */
export const Access = {
  READ: 1,
  WRITE: 2,
  EXECUTE: 4,
  PRIVILEGED: 8,
  ATOMIC: 16,
  TRANSLATION_REQUEST: 32,
  TRANSLATED: 64,
  /** A read of no bytes: it asks whether a page may be accessed at all. Goes with READ. */
  ZERO_LENGTH: 128,
} as const;

/** `pasid` of a request without PASID. */
export const NO_PASID = -1;

/** Result fields of the last `translate`; one object per unit, reused, one hidden class for all vendors. */
export class Translation {
  /** Physical address, int32 words. Meaningful only after `true`. */
  paHi = 0;
  paLo = 0;
  /** {@link pageShift} and, in the lowest eight bits, {@link permissions}: one word for an answer that is given again and again. */
  sizeAndRights: number = 12 << 8;
  /** Why the request was refused. Meaningful only after `false`. */
  fault: HardwareFault | null = null;

  /** log2 of the page (or cached piece) that the answer holds for, at least 12 unless the vendor's unit is smaller. */
  get pageShift(): number {
    return this.sizeAndRights >>> 8;
  }

  set pageShift(shift: number) {
    this.sizeAndRights = (shift << 8) | (this.sizeAndRights & 0xff);
  }

  /** OR of {@link Access} READ, WRITE, EXECUTE that the answer allows. */
  get permissions(): number {
    return this.sizeAndRights & 0xff;
  }

  set permissions(rights: number) {
    this.sizeAndRights = (this.sizeAndRights & ~0xff) | (rights & 0xff);
  }
}

/** How often each path was taken; counts only go up. One hidden class for all vendors. */
export class UnitCounters {
  /** Hits in the IOTLB that were answered without asking it. They count in {@link translations} and {@link iotlbHits} too. */
  repeatedHits = 0;
  iotlbMisses = 0;
  /** Table and structure entries read by walks. */
  walkReads = 0;
  faults = 0;
  /** Commands or descriptors executed from the queue. */
  commands = 0;
  /** Cache entries dropped by invalidation. */
  invalidatedEntries = 0;
  private otherTranslations = 0;
  private otherHits = 0;

  /** Requests that `translate` was asked. */
  get translations(): number {
    return this.repeatedHits + this.otherTranslations;
  }

  set translations(count: number) {
    this.otherTranslations = count - this.repeatedHits;
  }

  /** Requests that the IOTLB had an answer for. */
  get iotlbHits(): number {
    return this.repeatedHits + this.otherHits;
  }

  set iotlbHits(count: number) {
    this.otherHits = count - this.repeatedHits;
  }
}

/**
 * The hardware half of an IOMMU: knows memory and MMIO, nothing of any driver. A unit runs without a driver (scenarios), and its
 * command queue may be stepped, so that DMA in flight, torn writes and late invalidations can be tested.
 */
export interface TranslationUnit extends MmioWindow {
  /**
   * Answers one request for bytes inside one 4 KiB piece. Records the fault as the hardware does.
   * @param requesterId source id, StreamID
   * @param pasid PASID / SSID, or `NO_PASID`
   * @param access OR of {@link Access}
   * @returns true: `translation` holds the address; false: `translation.fault` says why not
   */
  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean;
  readonly translation: Translation;
  readonly counters: UnitCounters;

  /** Who is told what the unit does; null: nobody. Absent: the unit cannot be watched, and checkers say so. */
  observer?: UnitObserver | null;

  /** Walks the tables as they are now, without caches, without recording anything and without setting accessed or dirty bits. */
  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk;

  /** A device appears behind the unit, for the messages of ATS and PRI that the unit sends; null: it is gone. Absent: it sends none. */
  connectEndpoint?(requesterId: number, endpoint: Endpoint | null): void;

  /** A device's page request message arrives (PCIe PRI). Absent: the unit takes none. */
  requestPage?(request: PageRequestMessage): PageRequestResult;

  /**
   * Runs up to `limit` pending commands when the unit was made with stepped completion; without stepping commands run when the
   * doorbell is written and this returns 0.
   * @returns how many ran
   */
  step(limit?: number): number;

  /** Back to the state after power-on: registers, caches, queues. Memory keeps its bytes. */
  reset(): void;
}
