import type { AddressSpace, Process } from '@ioasis/core';
import type { DirtyBits } from './dirty-bits.js';
import { ExternalPins } from './external-pins.js';
import { RedBlackTree, TreeNode } from './red-black-tree.js';

/** One mapping of a classic container (`struct vfio_dma`). */
export class DmaEntry extends TreeNode<DmaEntry> {
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
  /** Pages that mediated devices have pinned. */
  readonly external: ExternalPins = new ExternalPins();
  /** Dirty pages, while they are tracked. */
  dirty: DirtyBits | undefined;

  constructor(iova: bigint, vaddr: bigint, prot: number, process: Process, unlimited: boolean) {
    super();
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
 * Ends are computed in 64 bits, as Linux 6.12 does: a mapping whose last byte is the last of the address space ends at 0. It is found by
 * nobody, it hides what lies below it in the tree, and a search whose end is 0 finds nothing. Programs see that, so the tree is the kernel's.
 */
export class DmaList {
  readonly #tree = new RedBlackTree<DmaEntry>();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All mappings, by ascending IOVA. */
  *[Symbol.iterator](): IterableIterator<DmaEntry> {
    for (let entry = this.#tree.first(); entry !== null; entry = this.#tree.next(entry)) yield entry;
  }

  /** The first mapping in order. */
  first(): DmaEntry | undefined {
    return this.#tree.first() ?? undefined;
  }

  /** The mapping behind another one. */
  next(entry: DmaEntry): DmaEntry | undefined {
    return this.#tree.next(entry) ?? undefined;
  }

  /** A mapping that shares a byte with `[start, start + size)` (`vfio_find_dma`); with size 0 one that holds `start` and the byte before. */
  find(start: bigint, size: bigint): DmaEntry | undefined {
    const end = BigInt.asUintN(64, start + size);
    let entry = this.#tree.root;
    while (entry !== null) {
      if (end <= entry.iova) entry = entry.left;
      else if (start >= entry.end) entry = entry.right;
      else return entry;
    }
    return undefined;
  }

  /** The mapping that ends with the address space, if the range does so too. Linux would map over it and lose its pins; this list does not. */
  atTop(start: bigint, size: bigint): DmaEntry | undefined {
    if (BigInt.asUintN(64, start + size) !== 0n) return undefined;
    let last = this.#tree.root;
    while (last !== null && last.right !== null) last = last.right;
    return last?.end === 0n ? last : undefined;
  }

  /** The first mapping that reaches behind `start` (`vfio_find_dma_first_node`), unless it begins at or behind `start + size`. */
  firstFrom(start: bigint, size: bigint): DmaEntry | undefined {
    let found: DmaEntry | undefined;
    let entry = this.#tree.root;
    while (entry !== null) {
      if (start >= entry.end) {
        entry = entry.right;
        continue;
      }
      found = entry;
      if (start >= entry.iova) break;
      entry = entry.left;
    }
    return found !== undefined && found.iova >= BigInt.asUintN(64, start + size) ? undefined : found;
  }

  /** Adds a mapping, which may still be empty. */
  insert(added: DmaEntry): void {
    const end = BigInt.asUintN(64, added.iova + added.size);
    let parent: DmaEntry | null = null;
    let side: 'left' | 'right' = 'left';
    for (let entry = this.#tree.root; entry !== null; entry = entry[side]) {
      parent = entry;
      side = end <= entry.iova ? 'left' : 'right';
    }
    this.#tree.insert(added, parent, side);
    this.#length++;
  }

  /** Takes an entry of the list out; its pages stay pinned. */
  remove(entry: DmaEntry): void {
    this.#tree.remove(entry);
    this.#length--;
  }
}
