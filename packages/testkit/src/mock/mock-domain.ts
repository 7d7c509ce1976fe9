import {
  DIRTY_NO_CLEAR,
  Errno,
  join64,
  type DirtySink,
  type DomainDirtyOps,
  type IommuDomain,
  type Range64,
} from '@ioasis/core';
import { MOCK_APERTURE, MOCK_HUGE_PAGE_SHIFT, MOCK_IO_PAGE_SHIFT } from './constants.js';
import { IoPages } from './io-pages.js';

/* Marks of an IO page; the page number of its memory plus one stands above them. */
/** First or last of a map call. */
const EDGE = 1;
const DIRTY = 2;
const HUGE = 4;
const MARKS = 8;

const IO_PAGE = 2 ** MOCK_IO_PAGE_SHIFT;
/** IO pages of 4 GiB. */
const PAGES_PER_HIGH = 2 ** (32 - MOCK_IO_PAGE_SHIFT);
const HUGE_PAGES = 2 ** (MOCK_HUGE_PAGE_SHIFT - MOCK_IO_PAGE_SHIFT);

/** Page number of an address, a double. */
const ioPage = (hi: number, lo: number): number => (hi >>> 0) * PAGES_PER_HIGH + (lo >>> MOCK_IO_PAGE_SHIFT);

/**
 * The kernel's mock domain: a list of IO pages that remembers where each map call began and ended, so that an unmap which cuts elsewhere
 * is noticed. What a kernel would WARN about is collected in {@link violations}.
 */
export class MockDomain implements IommuDomain {
  readonly pageSizes: bigint;
  readonly aperture: Range64 = MOCK_APERTURE;
  readonly dirty: DomainDirtyOps | undefined;
  /** Broken rules, one sentence each; empty when all is well. */
  readonly violations: string[] = [];
  mappedPages = 0;
  foundPaHi = 0;
  foundPaLo = 0;
  isTracking = false;
  readonly #pages = new IoPages();

  /** @param huge IO pages of 1 MiB too */
  constructor(huge: boolean, dirtyTracking: boolean) {
    this.pageSizes = (1n << BigInt(MOCK_IO_PAGE_SHIFT)) | (huge ? 1n << BigInt(MOCK_HUGE_PAGE_SHIFT) : 0n);
    this.dirty = dirtyTracking ? this.#dirtyOps() : undefined;
  }

  /** IO pages that are mapped. */
  get size(): number {
    return this.#pages.size;
  }

  mapPages(iovaHi: number, iovaLo: number, paHi: number, paLo: number, pageShift: number, count: number): number {
    const perPage = 2 ** (pageShift - MOCK_IO_PAGE_SHIFT);
    const huge = perPage > 1 ? HUGE : 0;
    const total = count * perPage;
    let page = ioPage(iovaHi, iovaLo);
    let target = ioPage(paHi, paLo);
    const before = this.#pages.size;
    for (let index = 0; index < total; index++) {
      const mark = index === 0 || index === total - 1 ? EDGE : 0;
      this.#pages.set(page, (target + 1) * MARKS + (mark | huge));
      page++;
      target++;
    }
    const twice = before + total - this.#pages.size;
    if (twice > 0) this.#violate(`${twice} IO pages up to ${page - 1} are mapped twice`);
    this.mappedPages = count;
    return 0;
  }

  unmapPages(iovaHi: number, iovaLo: number, pageShift: number, count: number): number {
    const total = count * 2 ** (pageShift - MOCK_IO_PAGE_SHIFT);
    const first = ioPage(iovaHi, iovaLo);
    const isChecked = this.pageSizes >> BigInt(MOCK_HUGE_PAGE_SHIFT) === 0n;
    for (let index = 0; index < total; index++) {
      const entry = this.#pages.get(first + index);
      if (entry === 0) continue;
      this.#pages.set(first + index, 0);
      if (!isChecked) continue;
      const isEdge = index === 0 || index === total - 1;
      if (isEdge && (entry & EDGE) === 0) this.#violate(`an unmap cuts a map call at IO page ${first + index}`);
    }
    return total * IO_PAGE;
  }

  syncMap(): void {}
  syncUnmap(): void {}
  flushAll(): void {}

  iovaToPhys(iovaHi: number, iovaLo: number): boolean {
    const entry = this.#pages.get(ioPage(iovaHi, iovaLo));
    if (entry === 0) return false;
    const target = Math.floor(entry / MARKS) - 1;
    this.foundPaHi = Math.floor(target / PAGES_PER_HIGH) | 0;
    this.foundPaLo = (target << MOCK_IO_PAGE_SHIFT) | (iovaLo & (IO_PAGE - 1)) | 0;
    return true;
  }

  enforceCacheCoherency(): boolean {
    return false;
  }

  free(): void {
    if (this.#pages.size > 0) this.#violate(`${this.#pages.size} IO pages are mapped when the domain is freed`);
  }

  /** Marks an IO page as written by the device. @returns false: nothing is mapped there */
  markDirty(page: number): boolean {
    const entry = this.#pages.get(page);
    if (entry === 0) return false;
    if ((entry & DIRTY) === 0) this.#pages.set(page, entry + DIRTY);
    return true;
  }

  /** A device wrote to a mapped page. */
  written(iovaHi: number, iovaLo: number): void {
    if (this.isTracking) this.markDirty(ioPage(iovaHi, iovaLo));
  }

  #violate(rule: string): void {
    this.violations.push(rule);
  }

  #dirtyOps(): DomainDirtyOps {
    return {
      setTracking: (enabled) => {
        this.isTracking = enabled;
        return 0;
      },
      readAndClear: (iovaHi, iovaLo, bytes, flags, sink) => this.#readDirty(iovaHi, iovaLo, bytes, flags, sink),
    };
  }

  #readDirty(iovaHi: number, iovaLo: number, bytes: number, flags: number, sink: DirtySink | null): number {
    if (!this.isTracking && sink !== null) return Errno.EINVAL;
    const first = ioPage(iovaHi, iovaLo);
    const end = Number((join64(iovaHi, iovaLo) + BigInt(bytes) + BigInt(IO_PAGE - 1)) >> BigInt(MOCK_IO_PAGE_SHIFT));
    for (let page = first; page < end;) {
      const entry = this.#pages.get(page);
      const span = (entry & HUGE) !== 0 ? HUGE_PAGES : 1;
      const head = page - (page % span);
      if (entry !== 0 && this.#testAndClear(head, span, flags) && sink !== null) {
        sink.mark(Math.floor(page / PAGES_PER_HIGH) | 0, (page << MOCK_IO_PAGE_SHIFT) | 0, span * IO_PAGE);
      }
      page += span;
    }
    return 0;
  }

  #testAndClear(first: number, count: number, flags: number): boolean {
    let isDirty = false;
    for (let page = first; page < first + count; page++) {
      const entry = this.#pages.get(page);
      if ((entry & DIRTY) === 0) continue;
      isDirty = true;
      if ((flags & DIRTY_NO_CLEAR) === 0) this.#pages.set(page, entry - DIRTY);
    }
    return isDirty;
  }
}
