import type { DirtySink } from '../domain/iommu-domain.js';
import type { IotlbGather } from '../domain/iotlb-gather.js';
import type { PageTableFormat } from './format.js';
import { LeanTable } from './lean-table.js';
import type { RadixTableOptions } from './radix-options.js';
import { DirtyReader } from './table-dirty.js';
import { TableMapper } from './table-mapper.js';
import { TableTree } from './table-tree.js';
import { TableUnmapper } from './table-unmapper.js';

/**
 * The software side of a page table. Methods take (hi, lo) words and answer 0 or an errno number, as `IommuDomain` does; a domain
 * of a driver forwards to this and adds its invalidations. One hidden class for all vendors.
 *
 * A table is zeroed or filled before it is linked; a link is one 64-bit store.
 */
export class RadixTable extends LeanTable {
  readonly format: PageTableFormat;
  /** Pages mapped by the last {@link mapPages}, exact also after an error. */
  mappedPages = 0;
  /** True when the last {@link mapPages} overwrote a present entry: caches may hold it. */
  replaced = false;
  /** After {@link iovaToPhys} returned true: the byte's address, and log2 of its page. */
  foundPaHi = 0;
  foundPaLo = 0;
  foundShift = 0;

  readonly #tree: TableTree;
  readonly #mapper: TableMapper;
  readonly #unmapper: TableUnmapper;
  readonly #dirty: DirtyReader;

  /**
   * Allocates the root; without a frame for it {@link levels} is 0 and the table is unusable.
   * @throws RangeError for a format that the engine cannot use, or levels that do not translate the input bits
   */
  constructor(options: RadixTableOptions) {
    const tree = new TableTree(options);
    const mapper = new TableMapper(tree, options);
    super(tree, mapper, options);
    this.format = options.format;
    this.#tree = tree;
    this.#mapper = mapper;
    this.#unmapper = new TableUnmapper(this.#tree, options);
    this.#dirty = new DirtyReader(this.#tree);
  }

  /** Address of the root table; changes only when the root grows. */
  get rootHi(): number {
    return this.#tree.rootHi;
  }

  get rootLo(): number {
    return this.#tree.rootLo;
  }

  /** Levels in use. */
  get levels(): number {
    return this.#tree.levels;
  }

  /** IOVA bits that the table translates. */
  get inputBits(): number {
    return this.#tree.inputBits;
  }

  /**
   * Maps `count` pages of 2^pageShift bytes; addresses are multiples of the page size. Frames of tables that a page replaces go to
   * the gather's freelist.
   * @returns 0, ENOMEM, EEXIST or EINVAL (prot, page size or address that the driver or the format cannot write)
   */
  mapPages(
    iovaHi: number,
    iovaLo: number,
    paHi: number,
    paLo: number,
    pageShift: number,
    count: number,
    prot: number,
    gather: IotlbGather,
  ): number {
    if (count === 1 && pageShift === this.granuleShift && this.mapOne(iovaHi, iovaLo, paHi, paLo, prot)) {
      this.mappedPages = 1;
      this.replaced = false;
      return 0;
    }
    this.#tree.replaced = false;
    const errno = this.#mapper.map(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot, gather);
    this.mappedPages = this.#mapper.mapped;
    this.replaced = this.#tree.replaced;
    return errno;
  }

  /**
   * Unmaps up to `count` pages and stops at a hole. Frames of unlinked tables go to the gather's freelist; the gathered range is
   * the caller's to keep.
   * @returns bytes unmapped; more than asked when a larger leaf went as a whole
   */
  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number, gather: IotlbGather): number {
    if (count === 1 && pageShift === this.granuleShift && this.unmapOne(iovaHi, iovaLo)) return this.granuleBytes;
    return this.#unmapper.unmap(iovaHi, iovaLo, pageShift, count, gather);
  }

  /** Frees the frames of a gather's freelist; the invalidation has completed. */
  releaseGathered(gather: IotlbGather): void {
    this.#tree.release(gather.freelist);
  }

  /** Looks an address up in the tables, whatever its rights. */
  iovaToPhys(iovaHi: number, iovaLo: number): boolean {
    const tree = this.#tree;
    const { words, format } = tree;
    if (((iovaHi & tree.excessHi) | (iovaLo & tree.excessLo)) !== 0) return false;
    const at = tree.find(iovaHi, iovaLo, 0);
    const level = tree.foundLevel;
    const lo = words[at] as number;
    if ((lo & format.present) === 0) return false;
    const own = format.shift[level] as number;
    const shift = own + tree.groupLog2(at, level);
    // Entries of a contiguous run have their own addresses, copies of a page with its size in the address do not.
    const span = tree.isCoded(level, lo) ? shift : own;
    const offsetHi = span <= 32 ? 0 : 2 ** (span - 32) - 1;
    const offsetLo = span >= 32 ? -1 : 2 ** span - 1;
    format.addressOf(words[at + 1] as number, lo);
    this.foundPaHi = (format.outHi & ~offsetHi) | (iovaHi & offsetHi);
    this.foundPaLo = (format.outLo & ~offsetLo) | (iovaLo & offsetLo);
    this.foundShift = shift;
    return true;
  }

  /**
   * Reports dirty leaves in `[iova, iova + bytes)` in ascending order, neighbours merged, and cleans them unless `DIRTY_NO_CLEAR`.
   * @param sink null: only clean
   * @returns true when a leaf was cleaned: caches hold it as dirty
   */
  readAndClearDirty(iovaHi: number, iovaLo: number, bytes: number, flags: number, sink: DirtySink | null): boolean {
    return this.#dirty.read(iovaHi, iovaLo, bytes, flags, sink);
  }

  /** Frees all tables, the root too. */
  free(): void {
    this.#tree.free();
  }
}
