import {
  Access,
  FRAME_BYTES,
  hex,
  Prot,
  type FrameAllocator,
  type PhysicalMemory,
  type Range64,
  type TranslationUnit,
  type TranslationWalk,
} from '@ioasis/core';
import type { EventStream } from '../log/event-stream.js';
import { outermost, type EventOf, type LogEvent, type Operation } from '../log/index.js';
import { intercept } from '../log/intercept.js';
import { IovaHistory } from '../log/iova-history.js';
import { rangeText } from '../log/words.js';
import { changedWords } from './cached-entry.js';
import type { LintFinding } from './finding.js';
import { isSyncOf } from './promises.js';
import type { StaleChecker } from './stale-checker.js';
import { TornStructures } from './torn-structures.js';
import { stepGroup } from './step-group.js';

type Change = EventOf<'map'> | EventOf<'unmap'>;

/** Where a requester's DMA goes through. */
interface Attached {
  readonly requesterId: number;
  readonly pasid: number;
}

/**
 * Looks at tables when the driver says that they are done: what was mapped is found with its rights, what was unmapped is not, a unit that does
 * not snoop sees it, no cache leads to a table that is given back, and no
 * structure leads astray while it is rewritten.
 */
export class TableLint {
  readonly #memory: PhysicalMemory;
  readonly #stream: EventStream;
  readonly #stale: StaleChecker;
  readonly #torn: TornStructures;
  readonly #history = new IovaHistory();
  readonly #units = new Map<number, TranslationUnit>();
  readonly #attached = new Map<number, Attached[]>();
  #pending: Change[] = [];
  #findings: LintFinding[] = [];

  constructor(memory: PhysicalMemory, stream: EventStream, stale: StaleChecker) {
    this.#memory = memory;
    this.#stream = stream;
    this.#stale = stale;
    this.#torn = new TornStructures(memory, stale);
  }

  get findings(): readonly LintFinding[] {
    return this.#findings;
  }

  clear(): void {
    this.#findings = [];
  }

  addRequester(requesterId: number, unit: TranslationUnit): void {
    this.#units.set(requesterId, unit);
  }

  /** The page that translates an IOVA of a domain for a device on it. */
  leafAt(domain: number, iova: bigint): Range64 | undefined {
    const [attached] = this.#attached.get(domain) ?? [];
    const unit = attached && this.#units.get(attached.requesterId);
    if (attached === undefined || unit === undefined) return undefined;
    const { pageBytes } = unit.explain(attached.requesterId, attached.pasid, iova, Access.READ);
    if (pageBytes === undefined) return undefined;
    const start = iova & ~(pageBytes - 1n);
    return { start, last: start + pageBytes - 1n };
  }

  /** Watches what is given back. */
  watchFrames(frames: FrameAllocator): void {
    intercept(frames, 'free', (free) => (frame, order) => {
      this.#freed(frame, order);
      free(frame, order);
    });
  }

  event(event: LogEvent): void {
    this.#history.event(event);
    switch (event.kind) {
      case 'attach':
        return this.#attach(event);
      case 'map':
      case 'unmap':
        this.#pending.push(event);
        break;
      case 'sync':
        return this.#check((change) => isSyncOf(event, change));
      case 'write':
        if (event.by === 'software' && event.during !== undefined) this.#torn.written(event);
        break;
      case 'return':
        if (event.call.within !== undefined) break;
        for (const { detail, walk } of this.#torn.judge())
          this.#found('torn', walk.steps.at(-1)?.address, detail, walk, event.call);
        if (event.call.by === 'program') this.#check(() => true);
    }
  }

  #attach({ requesterId, pasid, domain }: EventOf<'attach'>): void {
    for (const [its, all] of this.#attached) {
      const left = all.filter((each) => each.requesterId !== requesterId || each.pasid !== pasid);
      this.#attached.set(its, left);
    }
    if (domain === undefined) return;
    this.#attached.set(domain, [...(this.#attached.get(domain) ?? []), { requesterId, pasid }]);
  }

  #check(isDone: (change: Change) => boolean): void {
    const done = this.#pending.filter(isDone);
    if (done.length === 0) return;
    this.#pending = this.#pending.filter((change) => !isDone(change));
    for (const change of done) {
      const { start, last } = change.range;
      // Where an unmap inside a large page ends is the driver's choice.
      for (const iova of change.kind === 'map' ? [start, last] : [start]) {
        if (this.#history.lastChange(change.domain, iova) === change) this.#checkPage(change, iova);
      }
    }
  }

  #checkPage(change: Change, iova: bigint): void {
    const [attached] = this.#attached.get(change.domain) ?? [];
    const unit = attached && this.#units.get(attached.requesterId);
    if (attached === undefined || unit === undefined) return;
    const isWritable = change.kind === 'map' && (change.prot & Prot.WRITE) !== 0;
    const isReadable = change.kind === 'unmap' || (change.prot & Prot.READ) !== 0;
    const access = (isReadable ? Access.READ : 0) | (isWritable ? Access.WRITE : 0);
    const walk = unit.explain(attached.requesterId, attached.pasid, iova, access);
    // A unit whose walks do not snoop explains what it sees, which is not what memory has.
    const hidden = walk.steps.find((step) => changedWords([step], this.#memory).length > 0);
    if (hidden !== undefined) {
      const detail = `${hidden.what} at ${hex(hidden.address)} was written and its cache line was not flushed`;
      return this.#found('unflushed', hidden.address, `${detail}: ${textOf(change)}`, walk, change.during);
    }
    const expected = change.kind === 'map' ? change.pa + (iova - change.range.start) : undefined;
    // Some requests do not go through tables: interrupts, for instance.
    if (walk.pa === expected || !walk.steps.some((step) => stepGroup(step) === 'table')) return;
    const got = walk.pa === undefined ? `a fault, ${walk.fault?.name ?? 'unknown'}` : hex(walk.pa);
    const detail = `${textOf(change)}, and a walk of ${hex(iova)} gives ${got}`;
    this.#found('wrong-walk', walk.steps.at(-1)?.address, detail, walk, change.during);
  }

  #freed(frame: number, order: number): void {
    const start = BigInt(frame) * BigInt(FRAME_BYTES);
    const last = start + (BigInt(FRAME_BYTES) << BigInt(order)) - 1n;
    const led = this.#stale.leadingTo({ start, last });
    if (led === undefined) return;
    const { entry, walk } = led;
    const still =
      entry.changedBy === undefined ? 'the tables and a cached entry still lead' : 'a cached entry still leads';
    const detail = `${still} to ${hex(start)}, which was given back`;
    const { fill, filledAt, filledBy } = entry;
    this.#found('freed-table', start, detail, walk, this.#stream.call, { fill, filledAt, filledBy });
  }

  #found(
    problem: LintFinding['problem'],
    address: bigint | undefined,
    detail: string,
    walk: TranslationWalk,
    during: Operation | undefined,
    entry?: LintFinding['entry'],
  ): void {
    const { step } = this.#stream;
    this.#findings.push({
      checker: 'table-lint',
      problem,
      address,
      detail,
      walk,
      entry,
      step,
      call: outermost(during),
    });
  }
}

const textOf = (change: Change): string =>
  change.kind === 'map'
    ? `domain ${change.domain}: ${rangeText(change.range)} was mapped to ${hex(change.pa)}`
    : `domain ${change.domain}: ${rangeText(change.range)} was unmapped`;
