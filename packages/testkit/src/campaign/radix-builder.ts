import type { ScenarioBuilder } from './scenario-builder.js';

/** A leaf that a generator made. */
export interface GeneratedLeaf {
  readonly iova: bigint;
  /** log2 of its size. */
  readonly shift: number;
  readonly pa: bigint;
}

/** How a vendor writes entries. */
export interface RadixEntries {
  /** log2 of the smallest page. */
  readonly granule: number;
  /** IOVA bits that a table resolves; the top one may resolve fewer. */
  readonly indexBits: number;
  /** @param level of the table that holds the entry; 0: the table of smallest pages */
  table(address: bigint, level: number): bigint;
  /** @param shift log2 of the page, of which this is one of several equal entries where it is larger than `level` has them */
  leaf(pa: bigint, level: number, shift: number): bigint;
}

/** A radix table that is written into a scenario entry by entry. */
export class RadixBuilder {
  readonly root: bigint;
  readonly leaves: GeneratedLeaf[] = [];
  readonly #builder: ScenarioBuilder;
  readonly #entries: RadixEntries;
  readonly #levels: number;
  readonly #tables = new Map<string, bigint>();
  /** Entries that are in use, by address. */
  readonly #used = new Set<bigint>();

  /** @param levels number of levels */
  constructor(builder: ScenarioBuilder, entries: RadixEntries, levels: number) {
    this.#builder = builder;
    this.#entries = entries;
    this.#levels = levels;
    this.root = builder.table(1n << BigInt(entries.granule));
  }

  /** log2 of what an entry of a level covers. */
  shiftOf(level: number): number {
    return this.#entries.granule + this.#entries.indexBits * level;
  }

  /** Address of the entry for an IOVA in the table of a level, making the tables above; undefined where a leaf is in the way. */
  #entryFor(iova: bigint, level: number): bigint | undefined {
    let table = this.root;
    for (let at = this.#levels - 1; at > level; at--) {
      const address = this.#entryAddress(table, iova, at);
      const key = `${at}:${iova >> BigInt(this.shiftOf(at))}`;
      let next = this.#tables.get(key);
      if (next === undefined) {
        if (this.#used.has(address)) return undefined;
        next = this.#builder.table(1n << BigInt(this.#entries.granule));
        this.#tables.set(key, next);
        this.#used.add(address);
        this.#builder.words(address, this.#entries.table(next, at));
      }
      table = next;
    }
    return this.#entryAddress(table, iova, level);
  }

  /** Maps a page of 2^shift bytes by entries of a level, unless something is in the way. */
  map(iova: bigint, pa: bigint, level: number, shift: number = this.shiftOf(level)): void {
    const first = this.#entryFor(iova, level);
    if (first === undefined) return;
    const addresses = Array.from({ length: 1 << (shift - this.shiftOf(level)) }, (_, at) => first + BigInt(at * 8));
    if (addresses.some((address) => this.#used.has(address))) return;
    for (const address of addresses) this.#used.add(address);
    const word = this.#entries.leaf(pa, level, shift);
    this.#builder.words(first, ...addresses.map(() => word));
    this.leaves.push({ iova, shift, pa });
  }

  #entryAddress(table: bigint, iova: bigint, level: number): bigint {
    const index = (iova >> BigInt(this.shiftOf(level))) & ((1n << BigInt(this.#entries.indexBits)) - 1n);
    return table + (index << 3n);
  }
}
