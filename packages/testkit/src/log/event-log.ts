import { NO_PASID, rangesOverlap, type Range64 } from '@ioasis/core';
import type { Trace, TraceHeader, TraceStep } from '../trace/index.js';
import { outermost, type EventOf, type LogEvent, type LogEventKind, type Operation } from './event.js';
import type { EventListener } from './event-stream.js';
import { eventText } from './event-text.js';
import { IovaHistory } from './iova-history.js';

/** Who mapped an IOVA. */
export interface MappedBy {
  readonly map: EventOf<'map'>;
  /** What the program called; undefined when the driver was called by the test. */
  readonly call: Operation | undefined;
}

const HEADER: TraceHeader = {
  header: 1,
  format: 'iommu-trace/1',
  set: 'recorded',
  kernel: '6.12',
  arch: 'x86_64',
  page_size: 4096,
  hpage_size: 0x20_0000,
  vfio_vfio_provider: 'iommufd',
  machine: 'none',
};

/**
 * Everything that happened on a machine, in order: `checkers({ log })`. Steps count events; a system call of a program also stands there as
 * `iommu-trace/1` has it.
 */
export class EventLog implements EventListener {
  readonly #events: LogEvent[] = [];
  readonly #history = new IovaHistory();

  /** Appends an event. */
  event(event: LogEvent): void {
    this.#events.push(event);
    this.#history.event(event);
  }

  /** Oldest first; the event of step n is at index n - 1. */
  get events(): readonly LogEvent[] {
    return this.#events;
  }

  /** The events of a kind. */
  ofKind<Kind extends LogEventKind>(kind: Kind): readonly EventOf<Kind>[] {
    return this.#events.filter((event): event is EventOf<Kind> => event.kind === kind);
  }

  /**
   * Who mapped what a requester meets at an IOVA.
   * @param step after this step; now unless given
   * @returns undefined: nothing is mapped there, or the requester is attached to nothing
   */
  mappedBy(
    requesterId: number,
    iova: bigint,
    step: number = Number.POSITIVE_INFINITY,
    pasid: number = NO_PASID,
  ): MappedBy | undefined {
    const domain = this.#history.domainOf(requesterId, pasid, step);
    const change = domain === undefined ? undefined : this.#history.lastChange(domain, iova, step);
    return change?.kind === 'map' ? { map: change, call: outermost(change.during) } : undefined;
  }

  /** Invalidations after a step that named a page, or everything. */
  invalidationsOf(page: Range64, since: number = 0): readonly EventOf<'invalidation'>[] {
    return this.ofKind('invalidation').filter(
      ({ step, invalidation: { range } }) => step > since && (range === undefined || rangesOverlap(range, page)),
    );
  }

  /**
   * The system calls as a trace that can be written, replayed and compared: one scenario for each process, in order of their start.
   * @param until only calls up to this step; scenarios that had not ended by then have no `end`, so that a replay stops there
   * @param header what differs from a machine of 4 KiB pages on x86-64
   */
  trace(until: number = Number.POSITIVE_INFINITY, header: Partial<TraceHeader> = {}): Trace {
    const scenarios = new Map<number, TraceStep[]>();
    for (const { step, pid, record } of this.ofKind('system-call')) {
      if (step > until) break;
      const scenario = `process ${pid}`;
      const steps = scenarios.get(pid) ?? [{ seq: 0, scenario, op: 'begin' }];
      steps.push({ ...record, seq: 0, scenario } as unknown as TraceStep);
      scenarios.set(pid, steps);
    }
    const whole: TraceHeader = { ...HEADER, ...header };
    const steps = [...scenarios.values()].flat().map((step, seq) => ({ ...step, seq }));
    return { file: 'recorded', header: whole, headerLine: JSON.stringify(whole), steps };
  }

  /** The log for a person. @param first first and last step, inclusive */
  text(first: number = 1, last: number = Number.POSITIVE_INFINITY): string {
    return this.#events
      .filter(({ step }) => step >= first && step <= last)
      .map(eventText)
      .join('\n');
  }
}
