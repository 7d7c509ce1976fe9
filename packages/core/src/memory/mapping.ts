import type { MemoryFile } from './memory-file.js';

/** Protection of a mapping: what the program may do with it. */
export type Protection = '' | 'r' | 'w' | 'rw';

/** Bits of {@link Mapping.access}. */
export const READABLE = 1;
/** Bit of {@link Mapping.access}. */
export const WRITABLE = 2;

/** A run of pages of one address space with the same protection and backing. Pages are virtual address / page size. */
export interface Mapping {
  readonly firstPage: number;
  /** Inclusive. */
  readonly lastPage: number;
  readonly access: number;
  /** What pages show: own copies on write (`private`), the file's pages (`shared`) or device memory (`pfn`). */
  readonly kind: 'private' | 'shared' | 'pfn';
  /** File below; null for private anonymous and device memory. */
  readonly file: MemoryFile | null;
  /** Page of the file, or frame of the device memory, at {@link firstPage}. */
  readonly base: number;
}

/** The mappings of one address space, sorted, without overlaps. */
export class MappingList {
  #mappings: Mapping[] = [];
  #last: Mapping | undefined;

  [Symbol.iterator](): IterableIterator<Mapping> {
    return this.#mappings[Symbol.iterator]();
  }

  /** The mapping of a page. */
  find(page: number): Mapping | undefined {
    const last = this.#last;
    if (last !== undefined && last.firstPage <= page && page <= last.lastPage) return last;
    const found = this.#mappings[this.#lowerBound(page)];
    if (found === undefined || found.firstPage > page) return undefined;
    this.#last = found;
    return found;
  }

  /** The mappings that share a page with `[first, last]`, ascending. */
  overlapping(first: number, last: number): Mapping[] {
    const found: Mapping[] = [];
    for (let at = this.#lowerBound(first); at < this.#mappings.length; at++) {
      const mapping = this.#mappings[at] as Mapping;
      if (mapping.firstPage > last) break;
      found.push(mapping);
    }
    return found;
  }

  /** Adds a mapping where there is none. */
  insert(mapping: Mapping): void {
    this.#mappings.splice(this.#lowerBound(mapping.firstPage), 0, mapping);
  }

  /** Puts pieces that cover parts of `old`, in order, in its place. */
  replace(old: Mapping, pieces: readonly Mapping[]): void {
    this.#last = undefined;
    this.#mappings.splice(this.#lowerBound(old.firstPage), 1, ...pieces);
  }

  /** Index of the first mapping that ends at or behind `page`. */
  #lowerBound(page: number): number {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#mappings[middle] as Mapping).lastPage < page) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The part `[first, last]` of a mapping. */
export function piece(mapping: Mapping, first: number, last: number, framesPerPage: number): Mapping {
  const step = mapping.kind === 'pfn' ? framesPerPage : 1;
  return { ...mapping, firstPage: first, lastPage: last, base: mapping.base + (first - mapping.firstPage) * step };
}
