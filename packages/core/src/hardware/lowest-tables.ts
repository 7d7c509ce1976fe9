import type { RadixWalker, TableRoot } from '../page-table/index.js';
import { PagingStructureCache } from './paging-structure-cache.js';

/** Regions of 2 MiB, a power of two. */
const REGIONS = 256;
const REGION_SHIFT = 21;
/* Second word of an entry: the region's part of an address's low word, and the table's offset. */
const REGION = 0x7ff;
const NOT_A_TABLE = 0x8000_0000 | 0;
const TABLE = 0x7fff_f000;
/** In the second word: the entry is free. */
const FREE = -1;
/* What fields hold before the constructor sets them: V8 then knows their classes and does not ask at each use. */
const NO_LINKS = new PagingStructureCache({ entries: 0 });
const NO_WORDS = new Int32Array(2).fill(FREE);

/**
 * What a paging-structure cache answered last to one requester: for regions of 2 MiB, where in the arena the table is in which a walk to a
 * page of 4 KiB may go on. Direct-mapped, and used only as long as the cache would answer the same.
 */
export class LowestTables {
  readonly #links: PagingStructureCache = NO_LINKS;
  readonly #walker: RadixWalker;
  readonly #root: TableRoot;
  readonly #tagA: number = 0;
  readonly #tagB: number = 0;
  readonly #noExecuteHi: number = 0;
  /** Two words a region: the high word of its addresses; the rest of the region's number and the offset of its table. */
  #words: Int32Array = NO_WORDS;
  #mask = 0;
  /** Of the cache when it gave these answers. */
  #version = -1;

  /** @param noExecuteHi bit of an entry's high word by which it forbids to execute; such links are left to the unit's own path */
  constructor(
    links: PagingStructureCache,
    walker: RadixWalker,
    root: TableRoot,
    tagA: number,
    tagB: number,
    noExecuteHi: number,
  ) {
    this.#links = links;
    this.#walker = walker;
    this.#root = root;
    this.#tagA = tagA;
    this.#tagB = tagB;
    this.#noExecuteHi = noExecuteHi;
  }

  /** Offset of the lowest table in the arena, for `RadixWalker.resumePage`; -1: it has to be {@link ask}ed for. */
  find(iovaHi: number, iovaLo: number): number {
    const region = iovaLo >>> REGION_SHIFT;
    const words = this.#words;
    const at = ((region ^ (iovaHi << 11)) & this.#mask) << 1;
    const table = words[at | 1] as number;
    const differs =
      ((words[at] as number) ^ iovaHi) |
      ((table ^ region) & (NOT_A_TABLE | REGION)) |
      (this.#version ^ this.#links.version);
    return differs === 0 ? table & TABLE : -1;
  }

  /** Asks the cache, so that the next {@link find} knows. False: the link is not cached, or not as usual. */
  ask(iovaHi: number, iovaLo: number): boolean {
    const links = this.#links;
    if (!links.find(iovaHi, iovaLo, this.#tagA, this.#tagB) || links.level !== 0) return false;
    if ((~links.allowedHi & this.#noExecuteHi) !== 0) return false;
    const { tableHi, tableLo, allowedHi, allowedLo } = links;
    const table = this.#walker.lowestTable(this.#root, iovaHi, tableHi, tableLo, allowedHi, allowedLo);
    if (table < 0) return false;
    if (this.#mask === 0) {
      this.#words = new Int32Array(2 * REGIONS).fill(FREE);
      this.#mask = REGIONS - 1;
    }
    const words = this.#words;
    if (this.#version !== links.version) {
      words.fill(FREE);
      this.#version = links.version;
    }
    const region = iovaLo >>> REGION_SHIFT;
    const at = ((region ^ (iovaHi << 11)) & this.#mask) << 1;
    words[at] = iovaHi;
    words[at | 1] = table | region;
    return true;
  }
}
