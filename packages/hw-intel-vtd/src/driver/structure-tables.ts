import type { FrameAllocator, PhysicalMemory } from '@ioasis/core';
import {
  CONTEXT_ENTRY,
  PASID_ENTRY,
  PasidTranslationType,
  SM_CONTEXT_ENTRY,
} from '../layouts/translation-structures.js';
import { frameAddress } from './frame-address.js';

const ROOT_ENTRY_BYTES = 16n;
const PASID_ENTRY_BYTES = 64;
/** One page: 512 directory entries. PDTS codes that as 2^(PDTS + 7). */
const DIRECTORY_SIZE_CODE = 2;

/** What a device's entry is to say. */
export interface DeviceTranslation {
  readonly root: bigint;
  /** Address width code: levels - 2. */
  readonly width: number;
  readonly domainId: number;
  readonly tracksDirty: boolean;
}

/** Where 64-bit words of structures go, and who must hear of it. */
export type LineFlush = (paHi: number, paLo: number, bytes: number) => void;

/**
 * The driver's root, context and PASID tables. An entry becomes present with its last store and is zeroed only after its
 * invalidation.
 */
export class StructureTables {
  /** Root table, bytes. */
  readonly root: bigint;
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #isScalable: boolean;
  readonly #pageWalkSnoop: boolean;
  readonly #flush: LineFlush;

  /** @throws RangeError without memory for the root table */
  constructor(
    memory: PhysicalMemory,
    frames: FrameAllocator,
    isScalable: boolean,
    pageWalkSnoop: boolean,
    flush: LineFlush,
  ) {
    this.#memory = memory;
    this.#frames = frames;
    this.#isScalable = isScalable;
    this.#pageWalkSnoop = pageWalkSnoop;
    this.#flush = flush;
    const frame = frames.allocate(0);
    if (frame < 0) throw new RangeError('intelVtd: no memory for the root table');
    this.root = frameAddress(frame);
  }

  /** Makes the tables that lead to a device's entry; in scalable mode also its context entry. @returns false: no memory */
  cover(sourceId: number): boolean {
    const context = this.#contextEntry(sourceId, true);
    if (context === undefined) return false;
    if (!this.#isScalable || (this.#load(context) & 1n) !== 0n) return true;
    const directory = this.#frames.allocate(0);
    const table = this.#frames.allocate(0);
    if (directory < 0 || table < 0) {
      if (directory >= 0) this.#frames.free(directory, 0);
      return false;
    }
    this.#store(frameAddress(directory), frameAddress(table) | 1n);
    const entry = { PASIDDIRPTR: BigInt(directory), PDTS: DIRECTORY_SIZE_CODE, P: 1 };
    this.#storeEntry(context, SM_CONTEXT_ENTRY.encode(entry), 4);
    return true;
  }

  /** Lets a device use second-stage tables. */
  translate(sourceId: number, to: DeviceTranslation): void {
    const at = this.#translationEntry(sourceId);
    const common = { SSPTPTR: to.root >> 12n, AW: to.width, DID: to.domainId, P: 1 };
    if (!this.#isScalable) {
      this.#storeEntry(at, CONTEXT_ENTRY.encode(common), 2);
      return;
    }
    const entry = {
      ...common,
      PGTT: PasidTranslationType.SECOND_STAGE,
      PWSNP: this.#pageWalkSnoop,
      SSADE: to.tracksDirty,
    };
    this.#storeEntry(at, PASID_ENTRY.encode(entry), PASID_ENTRY_BYTES / 8);
  }

  /** SSADE of a device's PASID entry. */
  setTracking(sourceId: number, enabled: boolean): void {
    const at = this.#translationEntry(sourceId);
    const bit = PASID_ENTRY.mask('SSADE');
    this.#store(at, (this.#load(at) & ~bit) | (enabled ? bit : 0n));
  }

  /** Whether the device's entry is present. */
  isPresent(sourceId: number): boolean {
    return (this.#load(this.#translationEntry(sourceId)) & 1n) !== 0n;
  }

  /** Clears P; the rest stays until {@link clear}. */
  setNotPresent(sourceId: number): void {
    const at = this.#translationEntry(sourceId);
    this.#store(at, this.#load(at) & ~1n);
  }

  /** Zeroes an entry whose invalidation has completed. */
  clear(sourceId: number): void {
    this.#storeEntry(this.#translationEntry(sourceId), 0n, this.#isScalable ? PASID_ENTRY_BYTES / 8 : 2);
  }

  /** Context entry in legacy mode, entry of PASID 0 in scalable mode; {@link cover} was called. */
  #translationEntry(sourceId: number): bigint {
    const context = this.#contextEntry(sourceId, false)!;
    if (!this.#isScalable) return context;
    const directory = SM_CONTEXT_ENTRY.get(this.#load(context), 'PASIDDIRPTR') << 12n;
    return this.#load(directory) & ~0xfffn;
  }

  #contextEntry(sourceId: number, makesTable: boolean): bigint | undefined {
    const bus = BigInt(sourceId >> 8);
    const devfn = BigInt(sourceId & 0xff);
    const isUpper = this.#isScalable && devfn >= 0x80n;
    const rootEntry = this.root + bus * ROOT_ENTRY_BYTES + (isUpper ? 8n : 0n);
    let table = this.#load(rootEntry);
    if ((table & 1n) === 0n) {
      const frame = makesTable ? this.#frames.allocate(0) : -1;
      if (frame < 0) return undefined;
      table = frameAddress(frame) | 1n;
      this.#store(rootEntry, table);
    }
    const index = this.#isScalable ? devfn & 0x7fn : devfn;
    return (table & ~0xfffn) + index * (this.#isScalable ? 32n : 16n);
  }

  /** Upper words first, so that P arrives last. */
  #storeEntry(at: bigint, entry: bigint, words: number): void {
    for (let word = words - 1; word >= 0; word--) {
      this.#store(at + BigInt(word * 8), BigInt.asUintN(64, entry >> BigInt(word * 64)));
    }
  }

  #load(at: bigint): bigint {
    const bytes = new Uint8Array(8);
    this.#memory.read(at, bytes);
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  #store(at: bigint, value: bigint): void {
    const hi = Number(BigInt.asIntN(32, at >> 32n));
    const lo = Number(BigInt.asIntN(32, at));
    this.#memory.store64(hi, lo, Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
    this.#flush(hi, lo, 8);
  }
}
