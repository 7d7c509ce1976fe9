import { FilledRange, type AreaTable } from './filled-range.js';
import { byteOf, joinKey, KEY_BYTES, pageOf } from './iova-key.js';
import type { Pages } from './pages.js';

/**
 * One interval of IOVA and the slice of a page array that it shows (Linux: `struct iopt_area`). Bounds are exact to the byte; the first
 * and the last page may be covered in part.
 *
 * As an interval it is a range of indexes of its pages; as such it sits in the tree of {@link Pages} while a domain holds its frames.
 */
export class Area extends FilledRange {
  readonly startPage: number;
  readonly startByte: number;
  readonly lastPage: number;
  readonly lastByte: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Bytes into the first page at which the area starts. */
  readonly pageOffset: number;
  /** Bytes of the last page behind the area's end. */
  readonly tailBytes: number;
  /** OR of `Prot` bits. */
  readonly prot: number;
  /** null while the area is being made or taken down: then it only holds its IOVA. */
  pages: Pages | null = null;
  /** Pins of kernel accesses inside this area. */
  accessCount = 0;
  /** Set when an unmap waits for accesses: new pins and reads are refused. */
  preventAccess = false;

  /**
   * @param startPage IOVA as a key pair
   * @param spanPage length - 1 as a key pair
   * @param firstIndex first page of the slice
   * @param pageOffset bytes into that page
   */
  constructor(
    readonly table: AreaTable,
    startPage: number,
    startByte: number,
    spanPage: number,
    spanByte: number,
    firstIndex: number,
    pageOffset: number,
    prot: number,
  ) {
    super();
    const pageSize = table.pageSize;
    this.startPage = startPage;
    this.startByte = startByte;
    const byte = startByte + spanByte;
    this.lastPage = startPage + spanPage + (byte >= KEY_BYTES ? 1 : 0);
    this.lastByte = byte & (KEY_BYTES - 1);
    this.firstIndex = firstIndex;
    this.pageOffset = pageOffset;
    this.lastIndex = firstIndex + indexSpan(pageSize, spanPage, spanByte, pageOffset);
    this.tailBytes = pageSize - 1 - ((pageOffset + (((spanPage & 15) << 12) | spanByte)) & (pageSize - 1));
    this.prot = prot;
  }

  /** First IOVA. */
  get iova(): bigint {
    return joinKey(this.startPage, this.startByte);
  }

  /** Last IOVA, inclusive. */
  get last(): bigint {
    return joinKey(this.lastPage, this.lastByte);
  }

  /** Bytes. */
  get length(): bigint {
    return this.last - this.iova + 1n;
  }

  /** Bytes from the start of the page array to the page content at this IOVA. */
  startByteOf(iova: bigint): bigint {
    return iova - this.iova + BigInt(this.pageOffset) + BigInt(this.firstIndex) * BigInt(this.table.pageSize);
  }

  /** Index of the page that this IOVA shows. */
  indexOf(iova: bigint): number {
    return Number(this.startByteOf(iova) / BigInt(this.table.pageSize));
  }

  /** Key page of the first IOVA that shows page `index`. */
  keyPageOf(index: number): number {
    if (index === this.firstIndex) return this.startPage;
    return this.startPage + Math.floor(this.distanceTo(index) / KEY_BYTES);
  }

  /** Byte within {@link keyPageOf}. */
  keyByteOf(index: number): number {
    if (index === this.firstIndex) return this.startByte;
    return this.distanceTo(index) & (KEY_BYTES - 1);
  }

  /** Bytes from the key page of the start to the start of page `index`; exact, because a filled area is no longer than memory. */
  private distanceTo(index: number): number {
    return this.startByte - this.pageOffset + (index - this.firstIndex) * this.table.pageSize;
  }

  /** Bytes of IOVA that pages `[first, last]` of the slice take. */
  bytesOf(first: number, last: number): number {
    return (
      (last - first + 1) * this.table.pageSize -
      (first === this.firstIndex ? this.pageOffset : 0) -
      (last === this.lastIndex ? this.tailBytes : 0)
    );
  }
}

/**
 * Pages from the one with the first byte to the one with the last.
 * @param spanPage length - 1 as a key pair
 * @param pageOffset bytes into the first page
 */
export function indexSpan(pageSize: number, spanPage: number, spanByte: number, pageOffset: number): number {
  // Whole 64 KiB apart: they are whole pages of every page size, and the rest fits int32.
  const rest = pageOffset + (((spanPage & 15) << 12) | spanByte);
  return Math.floor(spanPage / 16) * (0x1_0000 / pageSize) + Math.floor(rest / pageSize);
}

/** A part of a page array in bytes: what a new area will show. */
export interface PagesSlice {
  readonly pages: Pages;
  /** First page of the part. */
  readonly firstIndex: number;
  /** Bytes into that page. */
  readonly pageOffset: number;
  /** length - 1 as a key pair. */
  readonly spanPage: number;
  readonly spanByte: number;
}

/** The slice `[startByte, startByte + length)` of a page array. */
export function sliceOf(pages: Pages, startByte: bigint, length: bigint, pageSize: number): PagesSlice {
  const size = BigInt(pageSize);
  return {
    pages,
    firstIndex: Number(startByte / size),
    pageOffset: Number(startByte % size),
    spanPage: pageOf(length - 1n),
    spanByte: byteOf(length - 1n),
  };
}
