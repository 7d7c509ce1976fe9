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
  /** IOVA bits that a table below the top resolves; the top one may resolve fewer or, at an SMMU's stage 2, more. */
  readonly indexBits: number;
  /** @param level of the table that holds the entry; 0: the table of smallest pages */
  table(address: bigint, level: number): bigint;
  leaf(pa: bigint, level: number): bigint;
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
  entryFor(iova: bigint, level: number): bigint | undefined {
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

  /** Maps one page. @returns false where something is in the way */
  map(iova: bigint, pa: bigint, level: number): boolean {
    const address = this.entryFor(iova, level);
    if (address === undefined || this.#used.has(address)) return false;
    this.#used.add(address);
    this.#builder.words(address, this.#entries.leaf(pa, level));
    this.leaves.push({ iova, shift: this.shiftOf(level), pa });
    return true;
  }

  #entryAddress(table: bigint, iova: bigint, level: number): bigint {
    const bits = level === this.#levels - 1 ? this.#entries.granule - 3 : this.#entries.indexBits;
    return table + (((iova >> BigInt(this.shiftOf(level))) & ((1n << BigInt(bits)) - 1n)) << 3n);
  }
}
