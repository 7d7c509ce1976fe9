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
import { firstStageFormat } from '../format/first-stage.js';
import { FS_ENTRY } from '../layouts/page-table-entries.js';
import type { Capabilities } from './capabilities.js';
import type { UnitWatch } from './unit-watch.js';
import { describeStop, type WalkFailure } from './walk-failure.js';

/** How a context's first stage is walked. */
export interface FirstStageMode {
  readonly domain: number;
  readonly pasidTag: number;
  /** NXE. */
  readonly noExecute: boolean;
  /** EAFE. */
  readonly extendedAccessed: boolean;
  /** WPE. */
  readonly writeProtect: boolean;
  /** SMEP. */
  readonly supervisorExecutePrevention: boolean;
  /** Hardware may set accessed and dirty bits. */
  readonly snooped: boolean;
  /** Entries hold addresses of the second stage. */
  readonly nested: object | null;
}

/** `permissions` of the first stage: those of a supervisor are this many bits above those of a user. */
export const SUPERVISOR_SHIFT = 3;
/** An address of a nested first stage is not limited by the host: the second stage judges it. */
const UNLIMITED_WIDTH = 52;
const D = Number(FS_ENTRY.mask('D'));

/** The first-stage walks of a unit, with its paging-structure cache. Results are fields. */
export class FirstStage {
  /** After true: the output address. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  /** OR of `Access` READ, WRITE, EXECUTE for a user, and the same for a supervisor above {@link SUPERVISOR_SHIFT}. */
  permissions = 0;
  /** After false: where the walk ended. */
  failure: WalkFailure = {};
  /** After false. */
  stop = 0;
  atTop = false;
  /** After PERMISSION: whether the user bit alone is what is missing, and which kind of right. */
  denied: 'user' | 'execute' | 'write' = 'user';
  reads = 0;
  /** Sees each entry that is read. */
  visitor: WalkVisitor | null = null;
  readonly #isLive: boolean;
  readonly #capabilities: Capabilities;
  readonly #memory: PhysicalMemory;
  readonly #cache: PagingStructureCache;
  readonly #watch: UnitWatch;
  readonly #formats: (PageTableFormat | null)[] = Array.from({ length: 8 }, () => null);
  readonly #walkers: (RadixWalker | null)[] = Array.from({ length: 16 }, () => null);

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

  formatOf(mode: FirstStageMode): PageTableFormat {
    const at = variantOf(mode);
    return (this.#formats[at] ??= firstStageFormat({
      hostAddressWidth: mode.nested === null ? this.#capabilities.hostAddressWidth : UNLIMITED_WIDTH,
      superpage1G: this.#capabilities.firstStage1G,
      noExecute: mode.noExecute,
      extendedAccessed: mode.extendedAccessed,
    }));
  }

  /** @param access OR of `Access` READ, WRITE, EXECUTE, PRIVILEGED */
  walk(root: TableRoot, mode: FirstStageMode, hi: number, lo: number, access: number): boolean {
    const walker = this.#walkerFor(mode);
    const overridden = overridesWriteProtection(mode, access);
    const hasLines = this.#memory.lineCache !== null;
    const careful = overridden || this.visitor !== null || (hasLines && !this.#isCoherent(mode));
    walker.visitor = this.visitor;
    const done = this.#descend(walker, root, mode, hi, lo, overridden ? access & ~Access.WRITE : access, careful);
    return this.#finish(walker, root, mode, access, done) && (!overridden || !this.#isLive || this.#setDirty(walker));
  }

  #descend(
    walker: RadixWalker,
    root: TableRoot,
    mode: FirstStageMode,
    hi: number,
    lo: number,
    access: number,
    careful: boolean,
  ): boolean {
    const cache = this.#cache;
    if (!cache.isOn) {
      walker.isWatched = careful;
      return walker.walk(root, hi, lo, access);
    }
    let done: boolean;
    if (cache.find(hi, lo, mode.domain, mode.pasidTag)) {
      walker.isWatched = careful || cache.level > 0;
      done = walker.resume(root, cache.level, cache.tableFrame, cache.allowedHi, cache.allowedLo, hi, lo, access);
    } else {
      walker.isWatched = true;
      done = walker.walk(root, hi, lo, access);
      if (!done && walker.stop === WalkStop.INPUT) return false;
    }
    if (walker.isWatched) {
      cache.keepPath(walker, hi, lo, mode.domain, mode.pasidTag, 0);
      this.#watch.path(walker, mode.domain, mode.pasidTag, hi, lo);
    }
    return done;
  }

  #finish(walker: RadixWalker, root: TableRoot, mode: FirstStageMode, access: number, done: boolean): boolean {
    walker.isWatched = false;
    this.reads = walker.reads;
    this.atTop = walker.level === root.topLevel;
    if (!done) {
      this.stop = walker.stop;
      this.failure = describeStop('first', walker);
      // U/S is tested first, then XD, then RW (VT-d 7.1.3).
      const level = access & Access.PRIVILEGED;
      if (!walker.allows(level)) this.denied = 'user';
      else
        this.denied = (access & Access.EXECUTE) !== 0 && !walker.allows(level | Access.EXECUTE) ? 'execute' : 'write';
      return false;
    }
    const rights = this.rightsOf(walker.permissions(false), walker.permissions(true), mode);
    const supervisor = rights >>> SUPERVISOR_SHIFT;
    if ((access & Access.EXECUTE) !== 0 && (access & Access.PRIVILEGED) !== 0 && (supervisor & Access.EXECUTE) === 0) {
      this.stop = WalkStop.PERMISSION;
      this.denied = 'execute';
      return false;
    }
    this.paHi = walker.paHi;
    this.paLo = walker.paLo;
    this.pageShift = walker.pageShift;
    this.permissions = rights;
    if (this.#isLive && !mode.snooped && (walker.entryLo & D) === 0) {
      // The page cannot become dirty without snooping, so that nobody may write to it.
      this.permissions &= ~(Access.WRITE | (Access.WRITE << SUPERVISOR_SHIFT));
      this.stop = WalkStop.ACCESSED;
      return (access & Access.WRITE) === 0;
    }
    return true;
  }

  /** Rights of a user and of a supervisor as {@link permissions} has them. */
  rightsOf(user: number, supervisor: number, mode: FirstStageMode): number {
    // SMEP: a supervisor does not execute what a user may read.
    const prevented = mode.supervisorExecutePrevention && (user & Access.READ) !== 0 ? Access.EXECUTE : 0;
    return user | ((supervisor & ~prevented) << SUPERVISOR_SHIFT);
  }

  /** The walker of a context without second stage. */
  pageWalker(mode: FirstStageMode): RadixWalker {
    return this.#walkerFor(mode);
  }

  /** A write that WPE = 0 lets through makes the page dirty as any other. */
  #setDirty(walker: RadixWalker): boolean {
    const { entryAddressHi, entryAddressLo, entryHi, entryLo } = walker;
    if ((entryLo & D) !== 0) return true;
    const memory = this.#memory;
    memory.deviceWriting = true;
    const stored = memory.compareExchange64(entryAddressHi, entryAddressLo, entryHi, entryLo, entryHi, entryLo | D);
    memory.deviceWriting = false;
    this.stop = WalkStop.UPDATE;
    return stored;
  }

  /** A write buffer in front of memory hides writes from every walk (VT-d 6.8). */
  #isCoherent(mode: FirstStageMode): boolean {
    return mode.snooped && !this.#capabilities.writeBufferFlush;
  }

  #walkerFor(mode: FirstStageMode): RadixWalker {
    const sets = this.#isLive && mode.snooped;
    const at = variantOf(mode) | (mode.snooped ? 8 : 0);
    return (this.#walkers[at] ??= new RadixWalker({
      memory: this.#memory,
      format: this.formatOf(mode),
      accessed: !this.#isLive ? 'ignore' : sets ? 'set' : 'fault',
      setDirty: sets,
      coherent: this.#isCoherent(mode),
    }));
  }
}

/** Number of the entry format that a context asks for. */
const variantOf = (mode: FirstStageMode): number =>
  (mode.noExecute ? 1 : 0) | (mode.nested === null ? 0 : 2) | (mode.extendedAccessed ? 4 : 0);

/** With WPE = 0 a supervisor writes to read-only pages (VT-d 3.6.1). */
const overridesWriteProtection = (mode: FirstStageMode, access: number): boolean =>
  !mode.writeProtect && (access & (Access.WRITE | Access.PRIVILEGED)) === (Access.WRITE | Access.PRIVILEGED);
