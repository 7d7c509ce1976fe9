import { hi32, lo32 } from '../bits/index.js';
import { checkFormat, type EntryKind, type PageTableFormat } from './format.js';
import { pageHi } from './io-page.js';

/** What a field of words holds before its constructor sets it: V8 then knows that it is an Int32Array and does not test it at each use. */
export const NO_WORDS: Int32Array = new Int32Array(0);

/** A field of an entry, or a test of it, as int32 words by level. */
class LevelWords {
  readonly hi: Int32Array = new Int32Array(6);
  readonly lo: Int32Array = new Int32Array(6);

  set(level: number, value: bigint): void {
    this.hi[level] = hi32(value);
    this.lo[level] = lo32(value);
  }
}

/**
 * A format cut into int32 words, made once per table or walker. Here are the parts that the engine's general paths read; the hot
 * paths keep the few words that they need in fields of their own object.
 */
export class FormatWords {
  readonly format: PageTableFormat;
  readonly levels: number = 0;
  /** By level. */
  readonly shift: Int32Array = new Int32Array(6);
  readonly indexMask: Int32Array = new Int32Array(6);
  /** Granules that an entry covers. */
  readonly span: Float64Array = new Float64Array(6);
  readonly hasLeaf: Uint8Array = new Uint8Array(6);
  /** Kind tests look at the low word only, see {@link checkFormat}. */
  readonly tableMask: Int32Array = new Int32Array(6);
  readonly tableValue: Int32Array = new Int32Array(6);
  readonly leafMask: Int32Array = new Int32Array(6);
  readonly leafValue: Int32Array = new Int32Array(6);
  readonly tableReserved: LevelWords = new LevelWords();
  readonly leafReserved: LevelWords = new LevelWords();
  /** Pages with their size in the address; mask 0 where the level has none. */
  readonly codedMask: Int32Array = new Int32Array(6);
  readonly codedValue: Int32Array = new Int32Array(6);
  readonly codedMin: Int32Array = new Int32Array(6);
  readonly codedMax: Int32Array = new Int32Array(6);
  readonly codedReserved: LevelWords = new LevelWords();
  readonly contiguous: LevelWords = new LevelWords();
  readonly contiguousLog2: Int32Array = new Int32Array(6);

  /** Granules of a 64-bit address space. */
  readonly pageEnd: number = 0;
  readonly present: number = 0;
  /** Main piece of the address: mask in the entry, and how far the address lies above it. */
  readonly mainHi: number = 0;
  readonly mainLo: number = 0;
  readonly addressShift: number = 0;
  /** Second piece: mask in the entry, its lowest entry bit and the address bit that it stands for; mask 0 = there is none. */
  readonly foldHi: number = 0;
  readonly foldLo: number = 0;
  /** Address bits of the high word that are in the second piece. */
  readonly foldAddressHi: number = 0;
  readonly #foldBit: number = 0;
  readonly #foldAddress: number = 0;
  /** Address bits that an entry can hold. */
  readonly addressHi: number = 0;
  readonly addressLo: number = 0;

  /** Field that names the level a link leads to, and its value by level; where links have none, no value matches. */
  readonly nextLevelMask: number = 0;
  readonly nextLevelValue: Int32Array = new Int32Array(6).fill(-1);
  readonly accessedHi: number = 0;
  readonly accessedLo: number = 0;
  readonly dirtyMaskHi: number = 0;
  readonly dirtyMaskLo: number = 0;
  readonly dirtyHi: number = 0;
  readonly dirtyLo: number = 0;
  readonly cleanHi: number = 0;
  readonly cleanLo: number = 0;

  /** Result of {@link addressOf} and {@link encodeAddress}. */
  outHi = 0;
  outLo = 0;

  readonly #double = new Float64Array(1);
  readonly #doubleWords = new Int32Array(this.#double.buffer);

  constructor(format: PageTableFormat) {
    checkFormat(format);
    this.format = format;
    this.levels = format.levels.length;
    this.present = lo32(format.present);
    this.pageEnd = 2 ** (64 - format.granuleShift);
    format.levels.forEach((level, index) => {
      this.shift[index] = level.shift;
      this.indexMask[index] = 2 ** level.indexBits - 1;
      this.span[index] = 2 ** (level.shift - format.granuleShift);
      this.hasLeaf[index] = level.leaf === null ? 0 : 1;
      kind(level.table, index, this.tableMask, this.tableValue, this.tableReserved);
      kind(level.leaf, index, this.leafMask, this.leafValue, this.leafReserved);
      const coded = level.sizeInAddress;
      if (coded !== undefined) {
        kind(coded, index, this.codedMask, this.codedValue, this.codedReserved);
        this.codedMin[index] = coded.minShift;
        this.codedMax[index] = coded.maxShift;
      }
      if (level.contiguous !== undefined) {
        this.contiguous.set(index, level.contiguous.bit);
        this.contiguousLog2[index] = level.contiguous.entriesLog2;
      }
    });
    const { nextLevel } = format;
    this.nextLevelMask = nextLevel === undefined ? 0 : lo32(bitMask(nextLevel));
    if (nextLevel !== undefined) {
      format.levels.forEach(({ number }, index) => (this.nextLevelValue[index] = number << nextLevel[1]));
    }
    const accessed = format.accessed?.bit ?? 0n;
    this.accessedHi = hi32(accessed);
    this.accessedLo = lo32(accessed);
    const { mask: dirtyMask, dirty, clean } = format.dirty ?? { mask: 0n, dirty: 0n, clean: 0n };
    this.dirtyMaskHi = hi32(dirtyMask);
    this.dirtyMaskLo = lo32(dirtyMask);
    this.dirtyHi = hi32(dirty);
    this.dirtyLo = lo32(dirty);
    this.cleanHi = hi32(clean);
    this.cleanLo = lo32(clean);
    const [main, fold] = format.address;
    const mask = (piece: typeof main): bigint => (piece === undefined ? 0n : bitMask(piece.bits));
    this.mainHi = hi32(mask(main));
    this.mainLo = lo32(mask(main));
    this.addressShift = main === undefined ? 0 : main.address - main.bits[1];
    this.foldHi = hi32(mask(fold));
    this.foldLo = lo32(mask(fold));
    this.#foldBit = fold?.bits[1] ?? 0;
    this.#foldAddress = fold?.address ?? 0;
    this.addressOf(hi32(mask(fold)), lo32(mask(fold)));
    this.foldAddressHi = this.outHi;
    this.addressOf(hi32(mask(main) | mask(fold)), lo32(mask(main) | mask(fold)));
    this.addressHi = this.outHi;
    this.addressLo = this.outLo;
  }

  /** Index of an IOVA at a level, for the full width of a table. */
  indexOf(level: number, iovaHi: number, iovaLo: number): number {
    return indexAt(this.shift[level] as number, iovaHi, iovaLo) & (this.indexMask[level] as number);
  }

  /** Address field of an entry, as an address. */
  addressOf(entryHi: number, entryLo: number): void {
    const shift = this.addressShift;
    const lo = entryLo & this.mainLo;
    this.outLo = lo << shift;
    // Two shifts, because a shift by 32 does nothing.
    this.outHi = ((entryHi & this.mainHi) << shift) | ((lo >>> 1) >>> (31 - shift));
    if ((entryLo & this.foldLo) !== 0 || (entryHi & this.foldHi) !== 0) {
      this.#moveFold(entryHi & this.foldHi, entryLo & this.foldLo, this.#foldBit, this.#foldAddress);
    }
  }

  /** Address field for an address; false when an entry cannot hold it. */
  encodeAddress(paHi: number, paLo: number): boolean {
    const shift = this.addressShift;
    if ((paHi & ~this.addressHi) !== 0 || (paLo & ~this.addressLo) !== 0) return false;
    this.outHi = (paHi >>> shift) & this.mainHi;
    this.outLo = ((paLo >>> shift) | ((paHi << 1) << (31 - shift))) & this.mainLo;
    if (this.foldLo !== 0 || this.foldHi !== 0) {
      const address = (BigInt(paHi >>> 0) << 32n) | BigInt(paLo >>> 0);
      const width = BigInt(this.foldLo >>> 0) | (BigInt(this.foldHi >>> 0) << 32n);
      const field = ((address >> BigInt(this.#foldAddress)) << BigInt(this.#foldBit)) & width;
      this.outHi |= hi32(field);
      this.outLo |= lo32(field);
    }
    return true;
  }

  /** The double that has the bits of an entry. Not for entries that are not a number, see fill-run. */
  doubleOf(hi: number, lo: number): number {
    this.#doubleWords[0] = lo;
    this.#doubleWords[1] = hi;
    return this.#double[0] as number;
  }

  /** Whether an entry can hold the address of a page, given in granules. */
  canHold(page: number): boolean {
    const { granuleShift } = this.format;
    return page < this.pageEnd && (pageHi(page, granuleShift) & ~this.addressHi) === 0;
  }

  /** log2 of the page of an entry with its size in the address. */
  codedShiftOf(entryHi: number, entryLo: number): number {
    this.addressOf(entryHi, entryLo);
    return codedShift(this.outHi, this.outLo);
  }

  #moveFold(hi: number, lo: number, from: number, to: number): void {
    const field = ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)) >> BigInt(from);
    this.outHi |= hi32(field << BigInt(to));
    this.outLo |= lo32(field << BigInt(to));
  }
}

/** Mask of the bits `[hi, lo]`. */
export const bitMask = ([hi, lo]: readonly [number, number]): bigint => (2n ** BigInt(hi - lo + 1) - 1n) << BigInt(lo);

/** IOVA bits from `shift` (11 to 63) upwards, as an int32 in both cases: V8 would take a mix of signed and unsigned as a double. */
export const indexAt = (shift: number, iovaHi: number, iovaLo: number): number =>
  shift >= 32 ? (iovaHi >>> (shift - 32)) | 0 : (iovaLo >>> shift) | (iovaHi << (32 - shift));

/** log2 of a page whose size is coded in the address field: twice the lowest zero bit at or above bit 12. */
export function codedShift(addressHi: number, addressLo: number): number {
  const zeroLo = ~(addressLo | 0xfff);
  if (zeroLo !== 0) return 32 - Math.clz32(zeroLo & -zeroLo);
  return addressHi === -1 ? 65 : 64 - Math.clz32(~addressHi & -~addressHi);
}

function kind(entry: EntryKind | null, level: number, mask: Int32Array, value: Int32Array, reserved: LevelWords): void {
  if (entry === null) return;
  mask[level] = lo32(entry.mask);
  value[level] = lo32(entry.value);
  reserved.set(level, entry.reserved);
}
