import type { PhysicalMemory } from '../memory/index.js';
import { indexAt } from './format-words.js';
import { ANY_ACCESS, LeanWalker } from './lean-walker.js';
import type { TableRoot } from './table-root.js';
import type { WalkWords } from './walk-words.js';

const ANY = ANY_ACCESS;

/**
 * The short way for other shapes: two to four levels of any granule, down to a page of the granule or one of level 1 (2 MiB of 4K pages, 32
 * MiB of 16K, 512 MiB of 64K). The comparisons are those of {@link LeanWalker}; where an index begins and ends are fields instead of
 * constants, but for the three levels that translate 48 bits with 64K.
 */
export abstract class ShapeWalker extends LeanWalker {
  /** Lowest IOVA bit of an index less 3, mask of the offset in a table: of levels 0 to 2. */
  readonly #shift0: number = 0;
  readonly #mask0: number = 0;
  readonly #shift1: number = 0;
  readonly #mask1: number = 0;
  readonly #shift2: number = 0;
  readonly #mask2: number = 0;
  /** Bits of an address inside of a page, and log2 of its size. */
  readonly #offsetMask: number = 0;
  readonly #pageShift: number = 0;

  constructor(walk: WalkWords, memory: PhysicalMemory) {
    super(walk, memory);
    if (!this.isLean) return;
    const { shift, indexMask, format } = walk.format;
    const [shift0, shift1, shift2] = shift as ArrayLike<number> as [number, number, number];
    const [mask0, mask1, mask2] = indexMask as ArrayLike<number> as [number, number, number];
    this.#shift0 = shift0 - 3;
    this.#mask0 = mask0 << 3;
    this.#shift1 = shift1 - 3;
    this.#mask1 = mask1 << 3;
    this.#shift2 = shift2 - 3;
    this.#mask2 = mask2 << 3;
    this.#pageShift = format.granuleShift;
    this.#offsetMask = (1 << format.granuleShift) - 1;
  }

  /** Whether walks have to go the careful way. */
  protected abstract isBound(): boolean;

  /** The ways that are left when this one does not lead to a page. */
  protected abstract walkRest(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean;

  /** From a prepared root of three levels over 64 KiB, for an IOVA in its range. False: see {@link leanAbove}. */
  #leanWide(root: TableRoot, iovaHi: number, iovaLo: number): boolean {
    const arena = this.arena;
    const tableMask = this.tableMask;
    let at = root.leanStart + ((iovaHi >>> 7) & root.leanMask);
    const lo2 = arena.getInt32(at, true);
    const hi2 = arena.getInt32(at | 4, true);
    at = (lo2 & tableMask) | (((iovaHi << 6) | (iovaLo >>> 26)) & 0xfff8);
    const lo1 = arena.getInt32(at, true);
    const hi1 = arena.getInt32(at | 4, true);
    at = (lo1 & tableMask) | ((iovaLo >>> 13) & 0xfff8);
    const lo = arena.getInt32(at, true);
    const hi = arena.getInt32(at | 4, true);
    const linkHi = this.linkHi;
    const linkMask = this.linkMask;
    const linkMaskHi = this.linkMaskHi;
    const above = ((lo2 ^ this.link2) & linkMask) | ((hi2 ^ linkHi) & linkMaskHi);
    const differs =
      above |
      ((lo1 ^ this.link1) & linkMask) |
      ((hi1 ^ linkHi) & linkMaskHi) |
      ((lo & this.leafMask) ^ this.leaf) |
      ((hi & this.leafMaskHi) ^ this.leafHi);
    if (differs !== 0) {
      this.leanAbove = above;
      this.entryHi = hi1;
      this.entryLo = lo1;
      return false;
    }
    this.entryHi = hi;
    this.entryLo = lo;
    this.leanReads = 3;
    this.paHi = hi & 0xfff;
    this.paLo = lo ^ ((lo ^ iovaLo) & 0xffff);
    return true;
  }

  /** A walk that the straight way is barred to, or that it did not lead to a page. */
  protected walkShape(root: TableRoot, iovaHi: number, iovaLo: number, access: number): boolean {
    const excess = (iovaHi + root.biasHi) & root.excessHi;
    if (root.wideBar === 0 && (excess | ((access | ANY) & this.otherAccess)) === 0) {
      if (this.#leanWide(root, iovaHi, iovaLo)) return true;
    }
    const levels = root.leanLevels;
    const isOther = excess | (access & this.leanOtherAccess);
    if (levels === 0 || isOther !== 0 || this.isBound()) return this.walkRest(root, iovaHi, iovaLo, access);
    if ((root.straightBar & root.wideBar) === 0 && this.otherAccess !== ANY) {
      const { entryHi, entryLo, leanAbove } = this;
      const isLarge = leanAbove === 0 && this.leanLarge(root, entryHi, entryLo, iovaLo);
      return isLarge || this.walkRest(root, iovaHi, iovaLo, access);
    }
    const arena = this.arena;
    const tableMask = this.tableMask;
    const linkHi = this.linkHi;
    let at = root.leanStart + ((indexAt(root.topShift, iovaHi, iovaLo) << 3) & root.leanMask);
    let differsLo = 0;
    let differsHi = 0;
    if (levels > 2) {
      if (levels > 3) {
        const lo3 = arena.getInt32(at, true);
        differsLo = lo3 ^ this.link3;
        differsHi = arena.getInt32(at | 4, true) ^ linkHi;
        at = (lo3 & tableMask) | (indexAt(this.#shift2, iovaHi, iovaLo) & this.#mask2);
      }
      const lo2 = arena.getInt32(at, true);
      differsLo |= lo2 ^ this.link2;
      differsHi |= arena.getInt32(at | 4, true) ^ linkHi;
      const shift1 = this.#shift1;
      at = (lo2 & tableMask) | (((iovaLo >>> shift1) | (iovaHi << (32 - shift1))) & this.#mask1);
    }
    const lo1 = arena.getInt32(at, true);
    const hi1 = arena.getInt32(at | 4, true);
    at = (lo1 & tableMask) | ((iovaLo >>> this.#shift0) & this.#mask0);
    const lo = arena.getInt32(at, true);
    const hi = arena.getInt32(at | 4, true);
    const linkMask = this.linkMask;
    const linkMaskHi = this.linkMaskHi;
    const differs = (differsLo & linkMask) | (differsHi & linkMaskHi);
    const differs1 = ((lo1 ^ this.link1) & linkMask) | ((hi1 ^ linkHi) & linkMaskHi);
    const differs0 = ((lo & this.leafMask) ^ this.leaf) | ((hi & this.leafMaskHi) ^ this.leafHi);
    if ((differs | differs1 | differs0) === 0) {
      const offsetMask = this.#offsetMask;
      this.leanReads = 0;
      this.readCount = levels;
      this.lastLevel = 0;
      this.foundShift = this.#pageShift;
      this.leftHi = this.leanAllowedHi;
      this.leftLo = this.leanAllowedLo;
      this.entryHi = hi;
      this.entryLo = lo;
      this.paHi = hi & 0xfff;
      this.paLo = (lo & ~offsetMask) | (iovaLo & offsetMask);
      return true;
    }
    return (
      (differs === 0 && this.leanLarge(root, hi1, lo1, iovaLo)) || this.walkRest(root, iovaHi, iovaLo, access) === true
    );
  }
}
