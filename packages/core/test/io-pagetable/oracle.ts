import { U64_MAX, type Range64 } from '../../src/index.js';

/** A page array of the oracle: pages of the buffer from one byte on. */
export interface OracleArray {
  /** Byte of the buffer. */
  readonly offset: bigint;
  readonly writable: boolean;
}

/** An area of the oracle. */
export interface OracleArea {
  readonly start: bigint;
  readonly last: bigint;
  readonly array: OracleArray;
  /** Byte of the buffer that `start` shows. */
  readonly offset: bigint;
  readonly writable: boolean;
}

const HUGE = 0x20_0000n;

/** What an IO page table should hold, as a plain list searched from front to back. */
export class OracleTable {
  areas: OracleArea[] = [];
  reserved: { readonly start: bigint; readonly last: bigint; readonly owner: object }[] = [];
  allowed: Range64[] = [];
  domains: { readonly domain: object; readonly aperture: Range64; readonly page: bigint }[] = [];
  small = false;

  /** @param page bytes of a page of the machine */
  constructor(readonly page: bigint) {}

  get alignment(): bigint {
    let alignment = this.small ? this.page : 1n;
    for (const { page } of this.domains) if (page > alignment) alignment = page;
    return alignment;
  }

  /** The code with which a map is refused, or where it goes. */
  place(
    slices: readonly { readonly offset: bigint; readonly length: bigint; readonly writable: boolean }[],
    iova: bigint | undefined,
    write: boolean,
    userLow: bigint,
  ): string | bigint {
    const { alignment } = this;
    const length = slices.reduce((sum, slice) => sum + slice.length, 0n);
    if (length % alignment !== 0n) return 'MAP_LENGTH_UNALIGNED';
    const found = iova === undefined ? this.choose(userLow, length) : this.#check(iova, length);
    if (typeof found === 'string') return found;
    for (const { offset, writable } of slices) {
      if (write && !writable) return 'MAP_PAGES_READ_ONLY';
      if ((offset % this.page) % alignment !== 0n) return 'MAP_USER_ADDRESS_UNALIGNED';
    }
    return found;
  }

  #check(iova: bigint, length: bigint): string | bigint {
    if (iova % this.alignment !== 0n) return 'MAP_IOVA_UNALIGNED';
    const last = iova + length - 1n;
    if (last > U64_MAX) return 'MAP_IOVA_OVERFLOW';
    if (this.reserved.some((range) => range.start <= last && iova <= range.last)) return 'MAP_IOVA_RESERVED';
    return this.inRange(iova, last).length > 0 ? 'MAP_IOVA_OCCUPIED' : iova;
  }

  /** First-fit by the recipe, over holes found one after the other. */
  choose(user: bigint, length: bigint): string | bigint {
    let align = 1n;
    while (align < length) align *= 2n;
    if (user !== 0n && (user & -user) < align) align = user & -user;
    if (align > HUGE) align = HUGE;
    if (align < this.alignment) return 'AUTO_ALIGNMENT_TOO_SMALL';
    const limits = { start: this.page, last: U64_MAX - this.page };
    const used = [...this.reserved, ...this.areas].toSorted((a, b) => (a.start < b.start ? -1 : 1));
    for (const window of this.allowed.length === 0 ? [limits] : joined(this.allowed)) {
      const start = window.start < limits.start ? limits.start : window.start;
      const last = window.last > limits.last ? limits.last : window.last;
      if (start > last) continue;
      const first = fits(start, last, length, align, user % this.page);
      if (first === undefined) continue;
      let hole = first;
      for (const range of [...used, { start: last + 1n, last }]) {
        const end = range.start - 1n < last ? range.start - 1n : last;
        if (end >= hole) {
          const place = fits(hole, end, length, align, user % this.page);
          if (place !== undefined) return place;
        }
        if (range.last + 1n > hole) hole = range.last + 1n;
      }
    }
    return 'IOVA_SPACE_EXHAUSTED';
  }

  insert(iova: bigint, slices: readonly (OracleArea & { length: bigint })[]): void {
    let at = iova;
    for (const { array, offset, length, writable } of slices) {
      this.areas.push({ start: at, last: at + length - 1n, array, offset, writable });
      at += length;
    }
    this.areas.sort((a, b) => (a.start < b.start ? -1 : 1));
  }

  inRange(start: bigint, last: bigint): OracleArea[] {
    return this.areas.filter((area) => area.start <= last && start <= area.last);
  }

  /** The pieces of areas that cover a range without a hole, or undefined. */
  slices(iova: bigint, last: bigint): (OracleArea & { length: bigint })[] | undefined {
    let next = iova;
    const pieces: (OracleArea & { length: bigint })[] = [];
    for (const area of this.inRange(iova, last)) {
      if (area.start > next) return undefined;
      const end = area.last < last ? area.last : last;
      pieces.push({ ...area, offset: area.offset + (next - area.start), length: end - next + 1n });
      next = end + 1n;
    }
    return next > last ? pieces : undefined;
  }

  /** Removes whole areas from the front. @returns bytes removed, and whether an area sticks out */
  unmap(start: bigint, last: bigint): { readonly bytes: bigint; readonly cut: boolean } {
    let bytes = 0n;
    for (const area of this.inRange(start, last)) {
      if (area.start < start || area.last > last) return { bytes, cut: true };
      this.areas.splice(this.areas.indexOf(area), 1);
      bytes += area.last - area.start + 1n;
    }
    return { bytes, cut: false };
  }
}

function fits(start: bigint, last: bigint, length: bigint, align: bigint, offset: bigint): bigint | undefined {
  const place = (((start + align - 1n) / align) * align) | offset;
  return place > U64_MAX || place >= last || last - place < length - 1n ? undefined : place;
}

function joined(ranges: readonly Range64[]): Range64[] {
  const out: { start: bigint; last: bigint }[] = [];
  for (const { start, last } of ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const end = out.at(-1);
    if (end !== undefined && start <= end.last + 1n) end.last = last > end.last ? last : end.last;
    else out.push({ start, last });
  }
  return out;
}
