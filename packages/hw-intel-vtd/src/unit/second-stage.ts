import {
  Access,
  RadixWalker,
  WalkStop,
  type PagingStructureCache,
  type PageTableFormat,
  type PhysicalMemory,
  type TableRoot,
  type WalkVisitor,
} from '@ioasis/core';
import { secondStageFormat } from '../format/second-stage.js';
import { SS_LEAF_ENTRY } from '../layouts/page-table-entries.js';
import type { Capabilities } from './capabilities.js';
import { isWider } from './reserved-bits.js';
import { describeStop, type WalkFailure } from './walk-failure.js';
import { NO_PASID_TAG } from './translation-context.js';
import type { UnitWatch } from './unit-watch.js';

const D = Number(SS_LEAF_ENTRY.mask('D'));
const RIGHTS_IN_ORDER = [
  [Access.WRITE, 'write'],
  [Access.READ, 'read'],
  [Access.EXECUTE, 'execute'],
] as const;

/** How a context's second stage is walked. */
export interface SecondStageMode {
  /** SSEE. */
  readonly secondStageExecute: boolean;
  /** SSADE. */
  readonly secondStageDirty: boolean;
  /** Walks are snooped: hardware may set accessed and dirty bits. */
  readonly snooped: boolean;
}

/** The second-stage walks of a unit, with its paging-structure cache. Results are fields. */
export class SecondStage {
  /** After true. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  /** OR of `Access` READ, WRITE, EXECUTE. */
  permissions = 0;
  /** After false: where the walk ended. */
  failure: WalkFailure = {};
  /** After false: why, as the walker says it, and on which level of which root. */
  stop = 0;
  atTop = false;
  /** After false: which right that was asked for was missing first, writes before reads; and whether there was any right at all. */
  denied: 'nothing' | 'write' | 'read' | 'execute' = 'nothing';
  hasRights = false;
  /** After false: an entry that is not present, which caching mode may keep. */
  isAbsent = false;
  /** Entries read. */
  reads = 0;
  /** Sees each entry that is read. */
  visitor: WalkVisitor | null = null;
  readonly #isLive: boolean;
  readonly #capabilities: Capabilities;
  readonly #memory: PhysicalMemory;
  readonly #cache: PagingStructureCache;
  readonly #watch: UnitWatch;
  readonly #formats: (PageTableFormat | null)[] = [null, null];
  readonly #walkers: (RadixWalker | null)[] = Array.from({ length: 8 }, () => null);

  /** @param isLive false: accessed and dirty bits are neither tested nor set */
  constructor(
    capabilities: Capabilities,
    memory: PhysicalMemory,
    cache: PagingStructureCache,
    watch: UnitWatch,
    isLive: boolean,
  ) {
    this.#isLive = isLive;
    this.#capabilities = capabilities;
    this.#memory = memory;
    this.#cache = cache;
    this.#watch = watch;
  }

  /** The entry format with or without execute rights. */
  formatOf(execute: boolean): PageTableFormat {
    const at = execute ? 1 : 0;
    return (this.#formats[at] ??= secondStageFormat({ ...this.#capabilities, execute }));
  }

  /**
   * Translates an address through the tables below `root`.
   * @param access OR of `Access` READ, WRITE, EXECUTE that must be allowed
   */
  walk(root: TableRoot, domain: number, mode: SecondStageMode, hi: number, lo: number, access: number): boolean {
    if (isWider(hi, lo, this.#capabilities.guestAddressWidth)) return this.#refuseInput();
    const walker = this.#walkerFor(mode);
    const cache = this.#cache;
    const careful = this.visitor !== null || (this.#memory.lineCache !== null && !this.#isCoherent(mode));
    walker.visitor = this.visitor;
    let done: boolean;
    if (!cache.isOn) {
      walker.isWatched = careful;
      done = walker.walk(root, hi, lo, access);
    } else if (cache.find(hi, lo, domain, NO_PASID_TAG)) {
      walker.isWatched = cache.level > 0;
      done = walker.resume(root, cache.level, cache.tableFrame, cache.allowedHi, cache.allowedLo, hi, lo, access);
      if (walker.isWatched) this.#keepPath(walker, domain, hi, lo);
    } else {
      walker.isWatched = true;
      done = walker.walk(root, hi, lo, access);
      if (walker.stop !== WalkStop.INPUT || done) this.#keepPath(walker, domain, hi, lo);
    }
    return this.#finish(walker, root, mode, access, done);
  }

  /** The walker of a context if its walks to pages need nothing but the tables; otherwise null. */
  pageWalker(root: TableRoot, mode: SecondStageMode): RadixWalker | null {
    const isOther = mode.secondStageDirty && !mode.snooped;
    return isOther || root.inputBits > this.#capabilities.guestAddressWidth ? null : this.#walkerFor(mode);
  }

  #refuseInput(): false {
    this.stop = WalkStop.INPUT;
    this.failure = { stage: 'second' };
    this.atTop = false;
    this.isAbsent = false;
    this.reads = 0;
    return false;
  }

  #keepPath(walker: RadixWalker, domain: number, hi: number, lo: number): void {
    this.#cache.keepPath(walker, hi, lo, domain, NO_PASID_TAG, 0);
    this.#watch.path(walker, domain, NO_PASID_TAG, hi, lo);
  }

  #finish(walker: RadixWalker, root: TableRoot, mode: SecondStageMode, access: number, done: boolean): boolean {
    walker.isWatched = false;
    this.reads = walker.reads;
    if (!done) {
      this.stop = walker.stop;
      this.failure = describeStop('second', walker);
      this.atTop = walker.level === root.topLevel;
      this.isAbsent = walker.stop === WalkStop.NOT_PRESENT;
      this.hasRights = !this.isAbsent && (walker.allows(Access.READ) || walker.allows(Access.WRITE));
      this.denied = this.#missing(walker, access);
      return false;
    }
    this.paHi = walker.paHi;
    this.paLo = walker.paLo;
    this.pageShift = walker.pageShift;
    this.permissions = walker.permissions(false);
    if (this.#isLive && mode.secondStageDirty && !mode.snooped && (walker.entryLo & D) === 0) {
      // The page cannot become dirty without snooping, so that nobody may write to it.
      this.permissions &= ~Access.WRITE;
      this.stop = WalkStop.ACCESSED;
      return (access & Access.WRITE) === 0;
    }
    return true;
  }

  #missing(walker: RadixWalker, access: number): SecondStage['denied'] {
    for (const [right, name] of RIGHTS_IN_ORDER) {
      if ((access & right) !== 0 && (this.isAbsent || !walker.allows(right))) return name;
    }
    // Nothing was asked for: a zero-length read.
    return this.isAbsent ? 'read' : 'nothing';
  }

  /** A write buffer in front of memory hides writes from every walk (VT-d 6.8). */
  #isCoherent(mode: SecondStageMode): boolean {
    return mode.snooped && !this.#capabilities.writeBufferFlush;
  }

  #walkerFor(mode: SecondStageMode): RadixWalker {
    const dirty = this.#isLive && mode.secondStageDirty;
    const at = (mode.secondStageExecute ? 1 : 0) | (dirty ? 2 : 0) | (mode.snooped ? 4 : 0);
    return (this.#walkers[at] ??= new RadixWalker({
      memory: this.#memory,
      format: this.formatOf(mode.secondStageExecute),
      accessed: !dirty ? 'ignore' : mode.snooped ? 'set' : 'fault',
      setDirty: dirty && mode.snooped,
      coherent: this.#isCoherent(mode),
    }));
  }
}

/** Rights of an access that a second stage tests: an instruction fetch needs R as well, and X where the format has it. */
export const secondStageNeeds = (access: number): number =>
  (access & (Access.READ | Access.WRITE | Access.EXECUTE)) | ((access & Access.EXECUTE) !== 0 ? Access.READ : 0);
