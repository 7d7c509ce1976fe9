import type { EventOf, LogEvent, Operation } from '../log/index.js';

/**
 * When the effect of a write must be visible to every unit. A write is open while the driver's call that makes it runs; what an unmap writes,
 * until its gather is synchronized; what a map writes, until the domain is synchronized; and in any case no longer than the program's call.
 */
export class Promises {
  readonly #open = new Map<EventOf<'write'>, EventOf<'map'> | EventOf<'unmap'>>();
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
      case 'map':
        for (const write of this.#current) if (write.during === event.during) this.#open.set(write, event);
        break;
      case 'sync':
        for (const [write, change] of this.#open) if (isSyncOf(event, change)) this.#open.delete(write);
        break;
      case 'return':
        if (event.call.within !== undefined) break;
        if (event.call.by === 'program') for (const write of this.#current) this.#open.delete(write);
        this.#current = [];
    }
  }

  /** Whether hardware must not use what was true before this write. */
  isKept(write: EventOf<'write'>): boolean {
    if (this.#open.has(write)) return false;
    const call = promisor(write.during);
    return call === undefined ? this.#rawIsKept(write) : call.returned !== undefined;
  }
}

/** The call whose return is the promise: the driver's outermost one, or the program's where the driver is not seen. */
function promisor(call: Operation | undefined): Operation | undefined {
  let found = call;
  for (let at = call; at !== undefined; at = at.within) {
    if (at.by === 'driver' || found?.by === 'program') found = at;
  }
  return found;
}

/** Whether the driver now keeps what a change of mappings left open. */
export function isSyncOf({ domain, of, gather }: EventOf<'sync'>, change: EventOf<'map'> | EventOf<'unmap'>): boolean {
  if (change.domain !== domain) return false;
  if (of === 'all') return true;
  return change.kind === 'map' ? of === 'map' : change.gather === gather;
}
