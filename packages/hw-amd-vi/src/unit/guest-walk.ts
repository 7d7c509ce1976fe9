import {
  Access,
  frameHi,
  frameLo,
  NO_PASID,
  RadixWalker,
  TableRoot,
  WalkStop,
  type PageTableFormat,
  type PhysicalMemory,
  type TableAddressTranslator,
  type WalkVisitor,
} from '@ioasis/core';
import { guestFormat } from '../format/guest-v2.js';
import type { Capabilities } from './capabilities.js';
import { DeviceAction, type DeviceEntry } from './device-entry.js';
import type { AmdViFault, FaultReporter } from './fault-reporter.js';
import type { HostWalk } from './host-walk.js';
import type { Request } from './request.js';
import type { TranslationCaches } from './translation-caches.js';
import { walkFromCache } from './walk-from-cache.js';

/** The host stage as it serves reads and updates of guest table entries. */
class HostStage implements TableAddressTranslator {
  tableAddressHi = 0;
  tableAddressLo = 0;
  /** What the last refused translation wanted. */
  refusedAccess = 0;
  readonly #walk: HostWalk;
  readonly #entry: DeviceEntry;

  constructor(walk: HostWalk, entry: DeviceEntry) {
    this.#walk = walk;
    this.#entry = entry;
  }

  translateTableAddress(hi: number, lo: number, write: boolean): boolean {
    const walker = this.#walk.walkerOf(this.#entry);
    const access = Access.READ | (write ? Access.WRITE : 0);
    if (!walker.walk(this.#walk.rootOf(this.#entry), hi, lo, access)) {
      this.refusedAccess = access;
      return false;
    }
    this.tableAddressHi = walker.paHi;
    this.tableAddressLo = walker.paLo;
    return true;
  }
}

/** What guest walks need of their unit. */
export interface GuestWalkParts {
  readonly memory: PhysicalMemory;
  readonly capabilities: Capabilities;
  readonly caches: TranslationCaches;
  readonly request: Request;
  readonly host: HostWalk;
  readonly reporter: FaultReporter;
  /** False: nothing changes in memory; for looking only. */
  readonly isLive: boolean;
}

/** Guest tables (48882 2.2.6): GCR3 table by PASID, x86-64 tables, each address through the host tables when Mode is not 0. */
export class GuestWalk {
  /** After {@link translate} returned null. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  /** OR of `Access` READ, WRITE, EXECUTE. */
  rights = 0;
  /** Entries read by the last translation. */
  reads = 0;
  /** Told of each GCR3 entry that was read: its address, the entry in memory's load words. */
  gcr3Visitor: ((hi: number, lo: number, level: number) => void) | null = null;
  readonly #parts: GuestWalkParts;
  readonly #format: PageTableFormat;
  readonly #walker: RadixWalker;

  constructor(parts: GuestWalkParts) {
    const { memory, capabilities, isLive } = parts;
    this.#parts = parts;
    this.#format = guestFormat(capabilities.noExecute);
    // Guest tables always have accessed and dirty bits set by hardware.
    this.#walker = isLive
      ? new RadixWalker({ memory, format: this.#format, accessed: 'set', setDirty: true })
      : new RadixWalker({ memory, format: this.#format });
  }

  /** Reports every entry that is read. */
  watch(visitor: WalkVisitor): void {
    this.#walker.isWatched = true;
    this.#walker.visitor = visitor;
  }

  /** The walker of guest tables alone. */
  get pageWalker(): RadixWalker {
    return this.#walker;
  }

  /**
   * A root for walks of requests without PASID that start at a cached table of the lowest level. It is not read itself, so that tables with a
   * fifth level need no other: addresses that only they translate walk as usual.
   */
  pageRoot(): TableRoot {
    const { arenaFirstFrame } = this.#parts.memory;
    const [hi, lo] = [frameHi(arenaFirstFrame), frameLo(arenaFirstFrame)];
    return new TableRoot(this.#format, { hi, lo, levels: 4, inputBits: 48, region: 'low' });
  }

  /**
   * Whether the tables translate the address of the request at all. With a PASID it is sign-extended; a request without one carries the
   * address of a device, which has no sign. Both are PASID 0 to the caches, so this comes before them.
   */
  inRange(entry: DeviceEntry): boolean {
    const { iovaHi, pasid } = this.#parts.request;
    const bits = 9 * entry.guestLevels - 20;
    if (pasid === NO_PASID) return iovaHi >>> bits === 0;
    const sign = iovaHi >> (bits - 1);
    return sign === 0 || sign === -1;
  }

  /**
   * Translates the address of the request, which is {@link inRange}.
   * @param pasid its PASID, or 0 for a request without one under GIoV
   * @returns null, and the result in fields, or the fault
   */
  translate(entry: DeviceEntry, pasid: number, access: number): AmdViFault | null {
    const { caches, host, request } = this.#parts;
    const { iovaHi, iovaLo } = request;
    this.reads = 0;
    const stage = entry.action === DeviceAction.HOST ? new HostStage(host, entry) : null;
    const walker = this.#walker;

    // 1. The GCR3 entry of the PASID, unless the cache leads to a table below; then the tables.
    const isKnown = caches.directories.find(iovaHi, iovaLo, entry.domainId, pasid);
    const root = isKnown ? this.#tableRoot(0, 0, entry, stage) : this.#rootOf(entry, pasid, stage);
    if (!(root instanceof TableRoot)) return root;
    const isAllowed = walkFromCache(walker, root, caches, request, entry.domainId, pasid, access);
    this.reads += walker.reads;
    if (!isAllowed) return this.#faultOf(entry, stage);

    // 2. Rights of the requester's privilege.
    this.paHi = walker.paHi;
    this.paLo = walker.paLo;
    this.pageShift = walker.pageShift;
    this.rights = walker.permissions((access & Access.PRIVILEGED) !== 0);
    if (stage === null) return null;

    // 3. The page's own address through the host tables.
    const hostWalker = host.walkerOf(entry);
    const isReachable = hostWalker.walk(host.rootOf(entry), this.paHi, this.paLo, access);
    this.reads += hostWalker.reads;
    if (!isReachable) return host.faultOf(entry, hostWalker, access);
    this.paHi = hostWalker.paHi;
    this.paLo = hostWalker.paLo;
    this.pageShift = Math.min(this.pageShift, hostWalker.pageShift);
    this.rights &= hostWalker.permissions(false);
    return null;
  }

  #rootOf(entry: DeviceEntry, pasid: number, stage: HostStage | null): TableRoot | AmdViFault {
    const { memory, capabilities, reporter } = this.#parts;
    if (pasid >= 2 ** Math.min(9 * entry.gcr3Levels, capabilities.pasidBits)) {
      return reporter.pageFault(entry, { present: false });
    }
    // The GCR3 table lies in system memory; only the pointers in its last level are guest addresses.
    let hi = entry.gcr3Hi;
    let lo = entry.gcr3Lo;
    for (let level = entry.gcr3Levels - 1; level >= 0; level--) {
      const at = lo | (((pasid >>> (9 * level)) & 0x1ff) * 8);
      this.reads++;
      if (!memory.load64(hi, at)) return reporter.pageTableError(entry, hi, at);
      if (this.gcr3Visitor !== null) this.gcr3Visitor(hi, at, level);
      if ((memory.loadedLo & 1) === 0) return reporter.pageFault(entry, { present: false });
      hi = memory.loadedHi & 0xf_ffff;
      lo = memory.loadedLo & ~0xfff;
    }
    return this.#tableRoot(hi, lo, entry, stage);
  }

  #tableRoot(hi: number, lo: number, entry: DeviceEntry, stage: HostStage | null): TableRoot {
    const levels = entry.guestLevels;
    const region = this.#parts.request.pasid === NO_PASID ? 'low' : 'canonical';
    return new TableRoot(this.#format, { hi, lo, levels, inputBits: 12 + 9 * levels, region, translator: stage });
  }

  #faultOf(entry: DeviceEntry, stage: HostStage | null): AmdViFault {
    const { host, reporter } = this.#parts;
    const walker = this.#walker;
    switch (walker.stop) {
      case WalkStop.STAGE:
        return host.faultOf(entry, host.walkerOf(entry), stage?.refusedAccess ?? Access.READ);
      case WalkStop.ABORT:
      case WalkStop.UPDATE:
        return reporter.pageTableError(entry, walker.entryAddressHi, walker.entryAddressLo);
      case WalkStop.RESERVED:
      case WalkStop.ENCODING:
        return reporter.pageFault(entry, { present: true, reserved: true });
      case WalkStop.PERMISSION:
        return reporter.pageFault(entry, { present: true, permission: true });
      default:
        return reporter.pageFault(entry, { present: false });
    }
  }
}
