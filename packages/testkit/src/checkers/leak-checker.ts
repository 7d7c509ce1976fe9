import type { FrameAllocator, LeakReport, Machine } from '@ioasis/core';
import type { EventListener, EventStream } from '../log/event-stream.js';
import { outermost, type LogEvent, type Operation } from '../log/index.js';
import { intercept } from '../log/intercept.js';
import type { LeakFinding } from './finding.js';

/**
 * Says at `Machine.close()` what is still held, and by which calls it was made. Table frames count once no device is left: a driver may keep
 * structures for those that are.
 */
export class LeakChecker implements EventListener {
  readonly #machine: Machine;
  readonly #stream: EventStream;
  readonly #frames = new Map<number, Operation | undefined>();
  /** Which call made an object, by its name. */
  readonly #objects = new Map<string, Operation>();
  #findings: readonly LeakFinding[] = [];

  constructor(machine: Machine, stream: EventStream) {
    this.#machine = machine;
    this.#stream = stream;
    this.#watchFrames(machine.tableFrames);
    intercept(machine, 'close', (close) => () => {
      const report = close();
      this.#findings = this.#judge(report);
      return report;
    });
  }

  get findings(): readonly LeakFinding[] {
    return this.#findings;
  }

  clear(): void {
    this.#findings = [];
  }

  event(event: LogEvent): void {
    if (event.kind !== 'return' || event.call.within !== undefined) return;
    // What a driver needs for a device is not counted as held.
    if (event.call.name === 'addDevice') this.#frames.clear();
    if (event.call.by !== 'program') return;
    const living = new Set(this.#living());
    for (const name of living) if (!this.#objects.has(name)) this.#objects.set(name, event.call);
    for (const name of this.#objects.keys()) if (!living.has(name)) this.#objects.delete(name);
  }

  #living(): readonly string[] {
    return [...this.#machine.iommufd.contexts].flatMap((context) => context.objectNames());
  }

  #watchFrames(frames: FrameAllocator): void {
    intercept(frames, 'allocate', (allocate) => (order) => {
      const frame = allocate(order);
      if (frame >= 0) this.#frames.set(frame, outermost(this.#stream.call));
      return frame;
    });
    intercept(frames, 'free', (free) => (frame, order) => {
      free(frame, order);
      this.#frames.delete(frame);
    });
  }

  #judge(report: LeakReport): readonly LeakFinding[] {
    const found = (held: LeakFinding['held'], count: number, calls: readonly Operation[] = []): LeakFinding[] =>
      count > 0 ? [{ checker: 'leaks', held, count, name: undefined, calls }] : [];
    const isEmpty = this.#machine.devices.length === 0;
    const makers = new Set([...this.#frames.values()].filter((call) => call !== undefined));
    return [
      ...report.objects.map((name): LeakFinding => {
        const made = this.#objects.get(name);
        return { checker: 'leaks', held: 'object', count: 1, name, calls: made === undefined ? [] : [made] };
      }),
      ...found('pins', report.pins),
      ...found('user-frames', report.userFrames),
      ...found('locked-pages', report.lockedPages),
      ...found('charged-bytes', isEmpty ? report.chargedBytes : 0),
      ...found('table-frames', isEmpty ? report.tableFrames : 0, [...makers]),
    ];
  }
}
