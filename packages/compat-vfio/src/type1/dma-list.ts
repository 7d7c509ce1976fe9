import type { AddressSpace, Process } from '@ioasis/core';
import type { DirtyBits } from './dirty-bits.js';

/** One mapping of a classic container (`struct vfio_dma`). */
export class DmaEntry {
  readonly iova: bigint;
  /** Virtual address of the first byte in {@link process}. */
  vaddr: bigint;
  /** Bytes; grows while the mapping is made. */
  size = 0n;
  /** OR of `Prot` READ and WRITE. */
  readonly prot: number;
  /** Whose memory it is and whose limit its pages count against. */
  process: Process;
  /** The mapper had CAP_IPC_LOCK: its pages are counted but not limited. */
  unlimited: boolean;
  /** Pages of this mapping that are counted as locked. */
  lockedPages = 0;
  /** An update of the virtual address is under way. */
  vaddrInvalid = false;
  /** Pages are pinned and mapped in the domains. */
  mapped = false;
  /** Dirty pages, while they are tracked. */
  dirty: DirtyBits | undefined;

  constructor(iova: bigint, vaddr: bigint, prot: number, process: Process, unlimited: boolean) {
    this.iova = iova;
    this.vaddr = vaddr;
    this.prot = prot;
    this.process = process;
    this.unlimited = unlimited;
  }

  get space(): AddressSpace {
    return this.process.addressSpace;
  }

  /** First IOVA behind the mapping as 64 bits: 0 for one that ends with the address space. */
  get end(): bigint {
    return BigInt.asUintN(64, this.iova + this.size);
  }
}

/**
 * The mappings of a classic container by IOVA.
 *
 * Ends are computed in 64 bits, as `vfio_find_dma` of Linux 6.12 does: a mapping whose last byte is the last of the address space ends at
 * 0 and is found by nobody, and a search whose end is 0 finds nothing. Programs see that: the range cannot be unmapped by itself.
 */
export class DmaList {
  readonly #entries: DmaEntry[] = [];

  get length(): number {
    return this.#entries.length;
  }

  [Symbol.iterator](): IterableIterator<DmaEntry> {
    return this.#entries[Symbol.iterator]();
  }

  at(index: number): DmaEntry | undefined {
    return this.#entries[index];
  }

  /** A mapping that shares a byte with `[start, start + size)`; with size 0 one that holds `start`'s predecessor too. */
  find(start: bigint, size: bigint): DmaEntry | undefined {
    const end = BigInt.asUintN(64, start + size);
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle] as DmaEntry;
      if (end <= entry.iova) high = middle;
      else if (start >= entry.end) low = middle + 1;
      else return entry;
    }
    return undefined;
  }

  /**
   * The mapping that ends with the address space, if the range does so too. Linux would overwrite its translation and lose its pins; this
   * is the one place where the list is stricter.
   */
  atTop(start: bigint, size: bigint): DmaEntry | undefined {
    const last = this.#entries.at(-1);
    return BigInt.asUintN(64, start + size) === 0n && last?.end === 0n ? last : undefined;
  }

  /** Index of the first mapping that reaches behind `start`, or -1 when it begins at or behind `start + size` (size 0: no limit). */
  firstIndex(start: bigint, size: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    let found = -1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle] as DmaEntry;
      if (start < entry.end) {
        found = middle;
        if (start >= entry.iova) break;
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (found >= 0 && size !== 0n) {
      const entry = this.#entries[found] as DmaEntry;
      if (entry.iova >= BigInt.asUintN(64, start + size)) return -1;
    }
    return found;
  }

  insert(entry: DmaEntry): void {
    this.#entries.splice(this.#lowerBound(entry.iova), 0, entry);
  }

  remove(entry: DmaEntry): void {
    const at = this.#entries.indexOf(entry, Math.max(0, this.#lowerBound(entry.iova)));
    if (at < 0) throw new RangeError('the mapping is not in the list');
    this.#entries.splice(at, 1);
  }

  #lowerBound(iova: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle] as DmaEntry).iova < iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
