import { frameAddress, hi32, lo32, join64, type FrameAllocator, type PhysicalMemory } from '@ioasis/core';
import { SM_CONTEXT_ENTRY } from '../layouts/translation-structures.js';

const ROOT_ENTRY_BYTES = 16n;
const PASID_ENTRY_BYTES = 64n;
const FRAME_BYTES = 4096;
/** One page: 512 directory entries of 64 PASIDs each. PDTS codes that as 2^(PDTS + 7). */
const DIRECTORY_SIZE_CODE = 2;
const DIRECTORY_ENTRIES = 512;
/** log2 of the PASIDs that a directory of one page leads to. */
export const PASID_BITS = 15;

/** Told of written structures, so that cache lines can be written back where walks do not snoop. */
export type LineFlush = (paHi: number, paLo: number, bytes: number) => void;

/**
 * The driver's root, context and PASID tables. An entry becomes present with its last store; how it goes is its user's: not present,
 * invalidated, zeroed.
 */
export class StructureTables {
  /** Root table, bytes. */
  readonly root: bigint;
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #isScalable: boolean;
  readonly #hasPasids: boolean;
  readonly #flush: LineFlush;

  /** @throws RangeError without memory for the root table */
  constructor(
    memory: PhysicalMemory,
    frames: FrameAllocator,
    { isScalable, hasPasids }: { readonly isScalable: boolean; readonly hasPasids: boolean },
    flush: LineFlush,
  ) {
    this.#memory = memory;
    this.#frames = frames;
    this.#isScalable = isScalable;
    this.#hasPasids = hasPasids;
    this.#flush = flush;
    const root = this.#allocate();
    if (root === undefined) throw new RangeError('intelVtd: no memory for the root table');
    this.root = root;
  }

  /** Makes the context table that leads to a device. @returns false: no memory */
  cover(sourceId: number): boolean {
    return this.#contextAt(sourceId, true) !== undefined;
  }

  /** Scalable mode: gives a covered device its PASID directory, and the table of PASID 0. @returns false: no memory */
  addDirectory(sourceId: number): boolean {
    const directory = this.#allocate();
    if (directory === undefined) return false;
    if (this.#tableBelow(directory, true) === undefined) {
      this.#free(directory);
      return false;
    }
    const entry = { PASIDDIRPTR: directory >> 12n, PDTS: DIRECTORY_SIZE_CODE, PASIDE: this.#hasPasids, P: 1 };
    this.#storeEntry(this.#contextAt(sourceId, false)!, SM_CONTEXT_ENTRY.encode(entry), 4);
    return true;
  }

  /** Scalable mode: frees what {@link addDirectory} made; the context entry is gone from all caches, and zeroed here. */
  removeDirectory(sourceId: number): void {
    const context = this.#contextAt(sourceId, false)!;
    const directory = this.#load(context) & ~0xfffn;
    this.#storeEntry(context, 0n, 4);
    for (let index = 0; index < DIRECTORY_ENTRIES; index++) {
      const entry = this.#load(directory + BigInt(index * 8));
      if ((entry & 1n) !== 0n) this.#free(entry & ~0xfffn);
    }
    this.#free(directory);
  }

  /**
   * Where a device's translation is described: its context entry, or in scalable mode the entry of a PASID (0: requests without one).
   * @returns undefined: no memory for the PASID's table
   */
  entryAt(sourceId: number, pasid: number): bigint | undefined {
    const context = this.#contextAt(sourceId, false)!;
    if (!this.#isScalable) return context;
    const directory = this.#load(context) & ~0xfffn;
    const table = this.#tableBelow(directory + BigInt(pasid >> 6) * 8n, true);
    return table === undefined ? undefined : table + BigInt(pasid & 63) * PASID_ENTRY_BYTES;
  }

  /** Context entry of a covered device, in either mode. */
  contextEntryAt(sourceId: number): bigint {
    return this.#contextAt(sourceId, false)!;
  }

  /** Writes an entry found with {@link entryAt}; 0n: zeroes it. */
  write(at: bigint, entry: bigint): void {
    this.#storeEntry(at, entry, this.#isScalable ? 8 : 2);
  }

  /** Clears P of any entry; the rest stays until it is zeroed. */
  setNotPresent(at: bigint): void {
    this.#store(at, this.#load(at) & ~1n);
  }

  /** Sets or clears bits of an entry's first word. */
  setBits(at: bigint, bits: bigint, isSet: boolean): void {
    this.#store(at, (this.#load(at) & ~bits) | (isSet ? bits : 0n));
  }

  #contextAt(sourceId: number, makesTable: boolean): bigint | undefined {
    const bus = BigInt(sourceId >> 8);
    const devfn = BigInt(sourceId & 0xff);
    const isUpper = this.#isScalable && devfn >= 0x80n;
    const table = this.#tableBelow(this.root + bus * ROOT_ENTRY_BYTES + (isUpper ? 8n : 0n), makesTable);
    if (table === undefined) return undefined;
    return table + (this.#isScalable ? (devfn & 0x7fn) * 32n : devfn * 16n);
  }

  /** The table that a pointer with P in bit 0 leads to. */
  #tableBelow(at: bigint, makesTable: boolean): bigint | undefined {
    const pointer = this.#load(at);
    if ((pointer & 1n) !== 0n) return pointer & ~0xfffn;
    const table = makesTable ? this.#allocate() : undefined;
    if (table !== undefined) this.#store(at, table | 1n);
    return table;
  }

  #allocate(): bigint | undefined {
    const frame = this.#frames.allocate(0);
    if (frame < 0) return undefined;
    const address = frameAddress(frame);
    this.#flush(hi32(address), lo32(address), FRAME_BYTES);
    return address;
  }

  #free(address: bigint): void {
    this.#frames.free(Number(address >> 12n), 0);
  }

  /** Upper words first, so that P arrives last. */
  #storeEntry(at: bigint, entry: bigint, words: number): void {
    for (let word = words - 1; word >= 0; word--) {
      this.#store(at + BigInt(word * 8), BigInt.asUintN(64, entry >> BigInt(word * 64)));
    }
  }

  #load(at: bigint): bigint {
    this.#memory.load64(hi32(at), lo32(at));
    return join64(this.#memory.loadedHi, this.#memory.loadedLo);
  }

  #store(at: bigint, value: bigint): void {
    this.#memory.store64(hi32(at), lo32(at), hi32(value), lo32(value));
    this.#flush(hi32(at), lo32(at), 8);
  }
}
