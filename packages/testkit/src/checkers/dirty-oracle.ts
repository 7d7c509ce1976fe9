import { Access, rangesOverlap, type Range64 } from '@ioasis/core';
import { outermost, type EventOf, type LogEvent } from '../log/index.js';
import type { DirtyReport } from '../log/domain-tap.js';
import { IovaHistory } from '../log/iova-history.js';
import type { DirtyFinding } from './finding.js';

const PAGE_SHIFT = 12n;

/** What devices wrote through one domain since it was last reported. */
class WrittenPages {
  isTracking = false;
  /** Pages that the next report must have, with the write that made them dirty. */
  readonly due: Map<bigint, EventOf<'dma'>> = new Map();
  /** Pages that it may have: written while tracking was off, or between a report and its invalidation. */
  readonly excused: Set<bigint> = new Set();
  /** Reports that cleared, each with its step: only what was clean once can be reported for nothing. */
  readonly cleared: { readonly range: Range64; readonly step: number }[] = [];
  /** Reports that cleared and are not synchronized: what is written there meanwhile was read by nobody before it was written. */
  readonly clearing: { readonly range: Range64; readonly gather: number }[] = [];

  written(page: bigint, dma: EventOf<'dma'>): void {
    const range = rangeOf(page);
    if (this.isTracking && !this.clearing.some((report) => rangesOverlap(report.range, range))) this.due.set(page, dma);
    else this.excused.add(page);
  }

  forget({ start, last }: Range64): void {
    for (const page of [...this.due.keys(), ...this.excused]) {
      const bytes = rangeOf(page);
      if (bytes.start < start || bytes.last > last) continue;
      this.due.delete(page);
      this.excused.delete(page);
    }
  }
}

/** The page that translates an IOVA of a domain for some device on it, by its size in the tables; undefined: nobody can tell. */
export type LeafOf = (domain: number, iova: bigint) => Range64 | undefined;

/** Pages of one marked range that are looked at one by one; the rest is taken for one page. */
const MOST_LEAVES = 4096;

/** Compares the pages that devices wrote with those that a domain reports as dirty. */
export class DirtyOracle {
  readonly #leafOf: LeafOf;
  readonly #history = new IovaHistory();
  readonly #domains = new Map<number, WrittenPages>();
  #findings: DirtyFinding[] = [];
  /** The report's call. */
  #last: LogEvent | undefined;

  constructor(leafOf: LeafOf) {
    this.#leafOf = leafOf;
  }

  get findings(): readonly DirtyFinding[] {
    return this.#findings;
  }

  clear(): void {
    this.#findings = [];
  }

  event(event: LogEvent): void {
    this.#history.event(event);
    this.#last = event;
    if (event.kind === 'dma') this.#written(event);
    else if (event.kind === 'unmap') this.#of(event.domain).forget(event.range);
    else if (event.kind === 'sync' && event.of !== 'map') {
      const { clearing } = this.#of(event.domain);
      const left = clearing.filter(({ gather }) => event.gather !== undefined && gather !== event.gather);
      clearing.splice(0, clearing.length, ...left);
    }
  }

  trackingSet(domain: number, enabled: boolean): void {
    this.#of(domain).isTracking = enabled;
  }

  readingDirty(domain: number, range: Range64, clears: boolean, gather: number): DirtyReport {
    const marked: Range64[] = [];
    return {
      marked: (piece) => marked.push(piece),
      done: (isReport) => {
        const pages = this.#of(domain);
        if (isReport) this.#compare(domain, pages, range, marked);
        if (!clears) return;
        pages.forget(range);
        pages.clearing.push({ range, gather });
        pages.cleared.push({ range, step: this.#last?.step ?? 0 });
      },
    };
  }

  #of(domain: number): WrittenPages {
    const known = this.#domains.get(domain) ?? new WrittenPages();
    this.#domains.set(domain, known);
    return known;
  }

  #written(dma: EventOf<'dma'>): void {
    const isWrite = (dma.access & Access.WRITE) !== 0 && (dma.access & Access.TRANSLATION_REQUEST) === 0;
    const domain = isWrite && dma.pa !== undefined ? this.#history.domainOf(dma.requesterId, dma.pasid) : undefined;
    if (domain !== undefined) this.#of(domain).written(dma.iova >> PAGE_SHIFT, dma);
  }

  #compare(domain: number, pages: WrittenPages, range: Range64, marked: readonly Range64[]): void {
    const call = outermost(this.#last?.during);
    const step = this.#last?.step ?? 0;
    for (const [page, dma] of pages.due) {
      const bytes = rangeOf(page);
      const isAsked = bytes.start >= range.start && bytes.last <= range.last;
      if (isAsked && !marked.some((piece) => rangesOverlap(piece, bytes))) {
        this.#findings.push({ checker: 'dirty-oracle', problem: 'lost', domain, range: bytes, step, dma, call });
      }
    }
    for (const piece of marked.flatMap((its) => [...this.#leaves(domain, its)])) {
      const isWritten = [...pages.due.keys(), ...pages.excused].some((page) => rangesOverlap(rangeOf(page), piece));
      if (isWritten || !this.#wasClean(domain, pages, piece)) continue;
      this.#findings.push({
        checker: 'dirty-oracle',
        problem: 'spurious',
        domain,
        range: piece,
        step,
        dma: undefined,
        call,
      });
    }
  }

  /** A marked range page by page: neighbours may have been marked together. */
  *#leaves(domain: number, { start, last }: Range64): Generator<Range64> {
    let at = start;
    for (let count = 0; at <= last; count++) {
      const leaf = count < MOST_LEAVES ? this.#leafOf(domain, at) : undefined;
      const end = leaf === undefined || leaf.last > last ? last : leaf.last;
      yield { start: at, last: end };
      at = end + 1n;
    }
  }

  /** Whether pages were cleared after they were mapped: a driver may make them dirty from the start. */
  #wasClean(domain: number, { cleared }: WrittenPages, { start, last }: Range64): boolean {
    const mapped = this.#history.lastMap(domain, start)?.step ?? 0;
    return cleared.some(({ range, step }) => step > mapped && range.start <= start && last <= range.last);
  }
}

function rangeOf(page: bigint): Range64 {
  const start = page << PAGE_SHIFT;
  return { start, last: start + (1n << PAGE_SHIFT) - 1n };
}
