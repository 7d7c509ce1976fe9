import { hi32, lo32 } from '../bits/index.js';
import type { PageTableFormat } from './format.js';
import { bitMask } from './format-words.js';

/** Translates the addresses of table entries through another stage before they are read (nested walks). */
export interface TableAddressTranslator {
  /**
   * @param write the access updates the entry (accessed or dirty bit)
   * @returns false: the other stage refuses; its own result fields say why
   */
  translateTableAddress(paHi: number, paLo: number, write: boolean): boolean;
  readonly tableAddressHi: number;
  readonly tableAddressLo: number;
}

/** What a {@link TableRoot} is made from. */
export interface TableRootOptions {
  /** Address of the root table, bytes, as int32 words. */
  readonly hi: number;
  readonly lo: number;
  /** Number of levels in use; the root is the highest of them. */
  readonly levels: number;
  /**
   * IOVA bits that the table translates. May be less than the levels hold (Arm: T0SZ) or more (Arm stage 2: up to 16 concatenated
   * root tables).
   */
  readonly inputBits: number;
  /**
   * What the IOVA bits above must be: `low` all zero, `high` all one (Arm: TTB1), `canonical` equal to the highest translated bit
   * (x86-64). Default `low`.
   */
  readonly region?: 'low' | 'high' | 'canonical';
  /** Width of output addresses (Arm: IPS, OAS). An entry with a larger address stops the walk. Default 64. */
  readonly outputBits?: number;
  /** The other stage of a nested walk. Walks with one take the careful path. */
  readonly translator?: TableAddressTranslator | null;
}

/**
 * A root that walks start from: what a context entry, STE, CD or DTE says about one table. A unit makes one when it decodes the
 * structure and keeps it beside its cached copy. One hidden class for all vendors.
 */
export class TableRoot {
  readonly hi: number = 0;
  readonly lo: number = 0;
  /** Engine level of the root, 0 = smallest pages, and the lowest IOVA bit of its index. */
  readonly topLevel: number = 0;
  readonly topShift: number = 0;
  /** Mask of the root's index. */
  readonly indexMask: number = 0;
  /** The same for the offset of an entry in the root, bytes. */
  readonly leanMask: number = 0;
  /** An IOVA is in range when `((hi + bias) & excessHi) === 0` and `(lo & excessLo) === 0`; low words matter below 32 input bits. */
  readonly biasHi: number = 0;
  readonly excessHi: number = 0;
  readonly excessLo: number = 0;
  readonly region: 'low' | 'high' | 'canonical';
  readonly inputBits: number = 0;
  /** Address bits of an entry, in their place, that the output width forbids. */
  readonly outputExcessHi: number = 0;
  readonly outputExcessLo: number = 0;
  /** Walks from here go the careful way. */
  readonly careful: boolean;
  /** Whether a walker has looked where its shortest ways may start. */
  isPrepared = false;
  /** Then: offset of the root in the arena's window, and its levels if a short way may start here, otherwise 0. */
  leanStart = 0;
  leanLevels = 0;
  /** The same if that is the straight way of three or four levels of 512 entries over 4 KiB. */
  straightLevels = 0;
  /** 0 with four straight levels; otherwise all bits, which bar every access from that way. */
  straightBar = -1;
  /** The same for three levels of 8192 entries over 64 KiB. */
  wideBar = -1;
  readonly translator: TableAddressTranslator | null;

  /** Throws RangeError when levels and input bits do not fit the format. */
  constructor(format: PageTableFormat, options: TableRootOptions) {
    const { levels, inputBits, region = 'low', outputBits = 64 } = options;
    const top = format.levels[levels - 1];
    if (top === undefined) throw new RangeError(`${format.name} has no ${levels} levels`);
    if (inputBits <= top.shift || inputBits > 64 || inputBits > top.shift + top.indexBits + 4) {
      throw new RangeError(`${levels} levels of ${format.name} do not translate ${inputBits} bits`);
    }
    if (region !== 'low' && inputBits < 32) throw new RangeError(`region ${region} needs at least 32 input bits`);
    if (outputBits < 32) throw new RangeError(`output of ${outputBits} bits`);
    this.hi = options.hi | 0;
    this.lo = options.lo | 0;
    this.topLevel = levels - 1;
    this.topShift = top.shift;
    this.indexMask = (2 ** (inputBits - top.shift) - 1) | 0;
    this.leanMask = this.indexMask << 3;
    this.region = region;
    this.inputBits = inputBits;
    this.excessHi = (inputBits >= 64 ? 0 : inputBits <= 32 ? -1 : -(2 ** (inputBits - 32))) | 0;
    this.excessLo = (inputBits >= 32 ? 0 : -(2 ** inputBits)) | 0;
    // Adding half of the range (canonical) or all of it (high) turns "equal to the sign" and "all ones" into "all zero".
    this.biasHi =
      inputBits >= 64 || region === 'low' ? 0 : (2 ** (inputBits - 32 - (region === 'canonical' ? 1 : 0))) | 0;
    const excess = outputExcess(format, outputBits);
    this.outputExcessHi = hi32(excess);
    this.outputExcessLo = lo32(excess);
    this.translator = options.translator ?? null;
    this.careful = this.translator !== null || (this.hi & ~0xfff) !== 0 || this.outputExcessLo !== 0;
  }
}

/** Bits of an entry that hold address bits from `outputBits` upwards. */
function outputExcess(format: PageTableFormat, outputBits: number): bigint {
  let excess = 0n;
  for (const { bits, address } of format.address) {
    const [hi, lo] = bits;
    const first = Math.max(lo, lo + outputBits - address);
    if (first <= hi) excess |= bitMask([hi, first]);
  }
  return excess;
}
