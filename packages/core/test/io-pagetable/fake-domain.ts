import { Errno, join64, type DirtySink, type DomainDirtyOps, type IommuDomain, type Range64 } from '../../src/index.js';

/** One IO page of the fake: where it leads, and whether a map call began or ended here. */
interface IoPage {
  readonly pa: bigint;
  readonly starts: boolean;
  readonly ends: boolean;
  dirty: boolean;
}

/** Bytes of an IO page: half a page, as the kernel's mock has it. */
export const IO_PAGE = 2048n;

/**
 * A domain as a list of IO pages of 2 KiB. It notes every rule that its user breaks: mapping twice, unmapping a hole, cutting a map call,
 * being freed with pages.
 */
export class FakeDomain implements IommuDomain {
  readonly pageSizes: bigint;
  readonly aperture: Range64;
  readonly violations: string[] = [];
  /** Start and bytes of every map call, in order. */
  readonly mapCalls: { readonly iova: bigint; readonly bytes: bigint }[] = [];
  readonly pages: Map<bigint, IoPage> = new Map();
  readonly dirty: DomainDirtyOps | undefined;
  mappedPages = 0;
  foundPaHi = 0;
  foundPaLo = 0;
  tracking = false;
  syncs = 0;
  /** The map call, counted from now, that fails with ENOMEM; 0: none. */
  failMapAt = 0;

  constructor(options: { aperture?: Range64; pageSizes?: bigint; dirty?: boolean } = {}) {
    this.aperture = options.aperture ?? { start: 0n, last: 0xffff_ffff_ffff_ffffn };
    this.pageSizes = options.pageSizes ?? IO_PAGE;
    this.dirty = options.dirty === true ? this.#dirtyOps() : undefined;
  }

  mapPages(hi: number, lo: number, paHi: number, paLo: number, shift: number, count: number): number {
    const iova = join64(hi, lo);
    const bytes = BigInt(count) << BigInt(shift);
    this.mappedPages = 0;
    if (this.failMapAt > 0 && --this.failMapAt === 0) return Errno.ENOMEM;
    this.mapCalls.push({ iova, bytes });
    const pa = join64(paHi, paLo);
    for (let at = 0n; at < bytes; at += IO_PAGE) {
      if (this.pages.has(iova + at)) this.violations.push(`mapped twice at ${iova + at}`);
      this.pages.set(iova + at, { pa: pa + at, starts: at === 0n, ends: at + IO_PAGE === bytes, dirty: false });
    }
    this.mappedPages = count;
    return 0;
  }

  unmapPages(hi: number, lo: number, shift: number, count: number): number {
    const iova = join64(hi, lo);
    const bytes = BigInt(count) << BigInt(shift);
    let done = 0n;
    for (; done < bytes; done += IO_PAGE) {
      const page = this.pages.get(iova + done);
      if (page === undefined) break;
      if (done === 0n && !page.starts) this.violations.push(`an unmap starts inside a map call at ${iova}`);
      if (done + IO_PAGE === bytes && !page.ends) this.violations.push(`an unmap ends inside a map call at ${iova}`);
      this.pages.delete(iova + done);
    }
    if (done < bytes) this.violations.push(`unmapped a hole at ${iova + done}`);
    return Number(done);
  }

  syncMap(): void {}
  flushAll(): void {}
  syncUnmap(): void {
    this.syncs++;
  }

  iovaToPhys(hi: number, lo: number): boolean {
    const iova = join64(hi, lo);
    const page = this.pages.get(iova - (iova % IO_PAGE));
    if (page === undefined) return false;
    const pa = page.pa + (iova % IO_PAGE);
    this.foundPaHi = Number(pa >> 32n) | 0;
    this.foundPaLo = Number(pa & 0xffff_ffffn) | 0;
    return true;
  }

  enforceCacheCoherency(): boolean {
    return true;
  }

  free(): void {
    if (this.pages.size > 0) this.violations.push(`freed with ${this.pages.size} IO pages`);
  }

  #dirtyOps(): DomainDirtyOps {
    return {
      setTracking: (enabled) => {
        this.tracking = enabled;
        return 0;
      },
      readAndClear: (hi, lo, bytes, flags, sink: DirtySink | null) => {
        if (!this.tracking && sink !== null) return Errno.EINVAL;
        const iova = join64(hi, lo);
        for (let at = iova; at < iova + BigInt(bytes); at += IO_PAGE) {
          const page = this.pages.get(at);
          if (page?.dirty !== true) continue;
          sink?.mark(Number(at >> 32n) | 0, Number(at & 0xffff_ffffn) | 0, Number(IO_PAGE));
          if (flags === 0) page.dirty = false;
        }
        return 0;
      },
    };
  }
}
