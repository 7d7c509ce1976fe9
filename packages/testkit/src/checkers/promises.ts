import type { EventOf, LogEvent, Operation } from '../log/index.js';

/**
 * When the effect of a write must be visible to every unit. A write is open while the driver's call that makes it runs; what an unmap writes,
 * until its gather is synchronized; what a map writes, until the domain is synchronized; and in any case no longer than the program's call.
 */
export class Promises {
  readonly #openUntil = new Map<EventOf<'write'>, string>();
  /** Writes of the running outermost call. */
  #current: EventOf<'write'>[] = [];
  readonly #rawIsKept: (write: EventOf<'write'>) => boolean;

  /** @param rawIsKept whether a write outside of any call must be visible at once */
  constructor(rawIsKept: (write: EventOf<'write'>) => boolean) {
    this.#rawIsKept = rawIsKept;
  }

  event(event: LogEvent): void {
    switch (event.kind) {
      case 'write':
        if (event.during !== undefined && event.by === 'software') this.#current.push(event);
        break;
      case 'unmap':
        return this.#defer(event.during, `gather ${event.gather}`);
      case 'map':
        return this.#defer(event.during, `map ${event.domain}`);
      case 'sync':
        if (event.of !== 'unmap') this.#keep(`map ${event.domain}`);
        if (event.gather !== undefined) this.#keep(`gather ${event.gather}`);
        break;
      case 'return':
        if (event.call.within !== undefined) break;
        if (event.call.by === 'program') for (const write of this.#current) this.#openUntil.delete(write);
        this.#current = [];
    }
  }

  /** Whether hardware must not use what was true before this write. */
  isKept(write: EventOf<'write'>): boolean {
    if (this.#openUntil.has(write)) return false;
    const call = promisor(write.during);
    return call === undefined ? this.#rawIsKept(write) : call.returned !== undefined;
  }

  #defer(call: Operation | undefined, until: string): void {
    for (const write of this.#current) if (write.during === call) this.#openUntil.set(write, until);
  }

  #keep(until: string): void {
    for (const [write, its] of this.#openUntil) if (its === until) this.#openUntil.delete(write);
  }
}

/** The call whose return is the promise: the driver's outermost one, or the program's where the driver is not seen. */
export function promisor(call: Operation | undefined): Operation | undefined {
  let found = call;
  for (let at = call; at !== undefined; at = at.within) {
    if (at.by === 'driver' || found?.by === 'program') found = at;
  }
  return found;
}
