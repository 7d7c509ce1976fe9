import { U64_MAX, type Range64 } from '../bits/index.js';
import type { AreaTree } from './area-tree.js';
import { HoleTest } from './hole-test.js';
import { rangeKeys } from './iova-key.js';

/** Sorted by start, neighbours and overlaps joined: Linux walks allowed ranges as spans, so two that touch are one window. */
function joinRanges(ranges: readonly Range64[]): Range64[] {
  const joined: { start: bigint; last: bigint }[] = [];
  for (const { start, last } of ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))) {
    const end = joined.at(-1);
    if (end !== undefined && start <= end.last + 1n) {
      if (last > end.last) end.last = last;
    } else joined.push({ start, last });
  }
  return joined;
}

/**
 * Chooses the IOVA of a map that names none (Linux: `iopt_alloc_iova`; specification sheet 3.4). The first and the last page of the
 * address space are never chosen.
 */
export class AutomaticIova {
  /** The IOVA found by the last {@link find} that returned null, as a key pair. */
  page = 0;
  byte = 0;
  private windows: Float64Array;
  private holes: Float64Array = rangeKeys([{ start: 0n, last: U64_MAX }]);
  private readonly everything: Range64;

  /**
   * @param pageSize PAGE_SIZE of the machine, bytes
   * @param maxAlignment HPAGE_SIZE where transparent huge pages are configured, else PAGE_SIZE
   */
  constructor(
    private readonly areas: AreaTree,
    private readonly pageSize: number,
    private readonly maxAlignment: number,
  ) {
    this.everything = { start: BigInt(pageSize), last: U64_MAX - BigInt(pageSize) };
    this.windows = rangeKeys([this.everything]);
  }

  /** The allowed ranges changed; an empty list allows everything. */
  allow(ranges: readonly Range64[]): void {
    const { start, last } = this.everything;
    const clipped = joinRanges(ranges)
      .map((range) => ({
        start: range.start > start ? range.start : start,
        last: range.last < last ? range.last : last,
      }))
      .filter((range) => range.start <= range.last);
    this.windows = rangeKeys(ranges.length === 0 ? [this.everything] : clipped);
  }

  /** The reserved ranges changed; `holes` is what they leave. */
  reserve(holes: readonly Range64[]): void {
    this.holes = rangeKeys(holes);
  }

  /**
   * Looks for room.
   * @param userLow low 32 bits of the user address of the first byte
   * @param spanPage length - 1 as a key pair
   * @param ioAlignment iova_alignment of the IOAS, bytes
   * @returns null and the place in {@link page}, {@link byte}, or the refusal code
   */
  find(
    userLow: number,
    spanPage: number,
    spanByte: number,
    ioAlignment: number,
  ): 'AUTO_LENGTH_TOO_LARGE' | 'AUTO_ALIGNMENT_TOO_SMALL' | 'IOVA_SPACE_EXHAUSTED' | null {
    // length >= ULONG_MAX / 2, with length - 1 at hand: ULONG_MAX / 2 is 2^63 - 1.
    if (spanPage >= 2 ** 51 || (spanPage === 2 ** 51 - 1 && spanByte >= 4094)) return 'AUTO_LENGTH_TOO_LARGE';
    const alignment = this.alignmentOf(userLow, spanPage, spanByte);
    if (alignment < ioAlignment) return 'AUTO_ALIGNMENT_TOO_SMALL';
    const test = new HoleTest(spanPage, spanByte, alignment, userLow & (this.pageSize - 1));
    const { windows, holes } = this;
    for (let w = 0; w < windows.length; w += 4) {
      if (!test.fits(windows[w]!, windows[w + 1]!, windows[w + 2]!, windows[w + 3]!)) continue;
      // From here on the window starts at the aligned place.
      const { page, byte } = test;
      if (this.findIn(test, holes, page, byte, windows[w + 2]!, windows[w + 3]!)) {
        this.page = test.page;
        this.byte = test.byte;
        return null;
      }
    }
    return 'IOVA_SPACE_EXHAUSTED';
  }

  private findIn(
    test: HoleTest,
    holes: Float64Array,
    page: number,
    byte: number,
    lastPage: number,
    lastByte: number,
  ): boolean {
    for (let h = 0; h < holes.length; h += 4) {
      let startPage = holes[h]!;
      let startByte = holes[h + 1]!;
      if (startPage < page || (startPage === page && startByte < byte)) {
        startPage = page;
        startByte = byte;
      }
      let endPage = holes[h + 2]!;
      let endByte = holes[h + 3]!;
      if (endPage > lastPage || (endPage === lastPage && endByte > lastByte)) {
        endPage = lastPage;
        endByte = lastByte;
      }
      if (startPage > endPage || (startPage === endPage && startByte > endByte)) continue;
      if (this.areas.firstHole(startPage, startByte, endPage, endByte, test)) return true;
    }
    return false;
  }

  /** Next power of two of the length, no larger than the user address is aligned, no larger than a huge page. */
  private alignmentOf(userLow: number, spanPage: number, spanByte: number): number {
    let alignment = this.maxAlignment;
    const span = spanPage * 4096 + spanByte;
    if (span < alignment) alignment = Math.min(alignment, span === 0 ? 1 : 2 ** (32 - Math.clz32(span)));
    const user = userLow & (this.maxAlignment - 1);
    return user === 0 ? alignment : Math.min(alignment, user & -user);
  }
}
