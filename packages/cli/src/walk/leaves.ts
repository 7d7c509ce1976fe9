import { Access, NO_PASID, type TranslationUnit, type TranslationWalk } from '@ioasis/core';

/** Neighbouring pages of one size that lead to neighbouring memory with the same rights. */
export interface MappedRange {
  readonly start: bigint;
  /** Inclusive. */
  readonly last: bigint;
  readonly pa: bigint;
  readonly pageBytes: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Name of the entry that maps the first page, with its level, and its word. */
  readonly entry: string;
  readonly word: bigint;
}

/** Everything that the structures say of a requester. */
export interface Structure {
  /** Entries that lead to the tables: root, context, STE, DTE ... */
  readonly path: TranslationWalk['steps'];
  /** Without tables: what becomes of every address. Undefined: there are tables. */
  readonly verdict: 'passes through' | 'blocked' | undefined;
  readonly ranges: readonly MappedRange[];
}

const END = 1n << 64n;
const LARGEST_SHIFT = 63;
const PAGE_SHIFT = 12;

const isTableStep = (what: string): boolean => /PTE|PDE|stage \d level/.test(what);

/** Reads the structures of one requester by asking about addresses, one after the other, and leaping over what is not mapped. */
export class StructureReader {
  readonly #unit: TranslationUnit;
  readonly #requester: number;
  readonly #pasid: number;
  readonly #onWalk: () => void;
  /** log2 of what an entry covers, by the entries on the way to it. */
  readonly #covered = new Map<string, number>();

  /** @param onWalk is told of each address that is asked about, e.g. to show progress */
  constructor(unit: TranslationUnit, requester: number, pasid: number = NO_PASID, onWalk: () => void = () => {}) {
    this.#unit = unit;
    this.#requester = requester;
    this.#pasid = pasid;
    this.#onWalk = onWalk;
  }

  /** Whether the structures lead this requester anywhere: to a table, or past them. */
  isServed(): boolean {
    const { steps, pa } = this.#ask(0n);
    return pa !== undefined || steps.some(({ what }) => isTableStep(what));
  }

  read(): Structure {
    const first = this.#ask(0n);
    const path = first.steps.filter(({ what }) => !isTableStep(what));
    if (path.length === first.steps.length) {
      return { path, verdict: first.pa === undefined ? 'blocked' : 'passes through', ranges: [] };
    }
    const ranges: MappedRange[] = [];
    for (let iova = 0n; iova < END;) {
      const walk = this.#ask(iova);
      if (walk.pa === undefined) {
        iova += 1n << BigInt(this.#hole(iova, walk));
        continue;
      }
      const page = this.#page(iova, walk, walk.pa);
      const previous = ranges.at(-1);
      if (previous !== undefined && follows(previous, page)) {
        ranges[ranges.length - 1] = { ...previous, last: page.last };
      } else ranges.push(page);
      iova = page.last + 1n;
    }
    return { path, verdict: undefined, ranges };
  }

  /** A read; where only writing is allowed, a write. */
  #ask(iova: bigint): TranslationWalk {
    this.#onWalk();
    const walk = this.#unit.explain(this.#requester, this.#pasid, iova, Access.READ);
    const entry = walk.steps.at(-1);
    if (walk.pa !== undefined || entry === undefined || entry.words.every((word) => word === 0n)) return walk;
    const written = this.#unit.explain(this.#requester, this.#pasid, iova, Access.WRITE);
    return written.pa === undefined ? walk : written;
  }

  #page(iova: bigint, { steps, pageBytes = 4096n, readable, writable }: TranslationWalk, pa: bigint): MappedRange {
    const start = iova & ~(pageBytes - 1n);
    const entry = steps.findLast(({ what }) => isTableStep(what));
    return {
      start,
      last: start + pageBytes - 1n,
      pa: pa - (iova - start),
      pageBytes,
      readable,
      writable,
      entry: entry?.what ?? '',
      word: entry?.words[0] ?? 0n,
    };
  }

  /** log2 of the hole at an address: the largest aligned piece whose last byte meets the same entry. */
  #hole(iova: bigint, { steps }: TranslationWalk): number {
    const last = steps.at(-1);
    const isTable = last !== undefined && isTableStep(last.what);
    const key = steps.map(({ what }) => what).join();
    const known = isTable ? this.#covered.get(key) : undefined;
    if (known !== undefined && (iova & ((1n << BigInt(known)) - 1n)) === 0n) return known;
    let shift = PAGE_SHIFT;
    while (shift < LARGEST_SHIFT) {
      const size = 1n << BigInt(shift + 1);
      if ((iova & (size - 1n)) !== 0n || iova + size > END) break;
      const other = this.#ask(iova + size - 1n).steps;
      if (other.length !== steps.length || other.at(-1)?.address !== last?.address) break;
      shift++;
    }
    if (isTable) this.#covered.set(key, shift);
    return shift;
  }
}

const follows = (before: MappedRange, page: MappedRange): boolean =>
  before.last + 1n === page.start &&
  before.pa + (page.start - before.start) === page.pa &&
  before.pageBytes === page.pageBytes &&
  before.readable === page.readable &&
  before.writable === page.writable &&
  before.entry === page.entry;
