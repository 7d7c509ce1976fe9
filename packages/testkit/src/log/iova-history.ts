import type { EventOf, LogEvent } from './event.js';

type Change = EventOf<'map'> | EventOf<'unmap'>;

/** Changes of one domain that are remembered; beyond it the oldest half is forgotten. */
const MOST_CHANGES = 65_536;

/** Which IOVAs were mapped and unmapped when, and who is attached where. */
export class IovaHistory {
  readonly #changes = new Map<number, Change[]>();
  /** Attachments by requester and PASID. */
  readonly #attached = new Map<string, EventOf<'attach'>[]>();

  event(event: LogEvent): void {
    if (event.kind === 'attach') {
      const key = `${event.requesterId} ${event.pasid}`;
      const before = this.#attached.get(key);
      if (before === undefined) this.#attached.set(key, [event]);
      else before.push(event);
    } else if (event.kind === 'map' || event.kind === 'unmap') {
      const changes = this.#changes.get(event.domain) ?? [];
      if (changes.length === MOST_CHANGES) changes.splice(0, MOST_CHANGES / 2);
      changes.push(event);
      this.#changes.set(event.domain, changes);
    }
  }

  /** The domain that a requester is attached to after a step. */
  domainOf(requesterId: number, pasid: number, step: number = Number.POSITIVE_INFINITY): number | undefined {
    return this.#attached.get(`${requesterId} ${pasid}`)?.findLast((attach) => attach.step <= step)?.domain;
  }

  /** The last change of an IOVA up to a step. */
  lastChange(domain: number, iova: bigint, step: number = Number.POSITIVE_INFINITY): Change | undefined {
    return this.#last(domain, iova, step, () => true);
  }

  /** The last time that an IOVA was mapped up to a step. */
  lastMap(domain: number, iova: bigint, step: number = Number.POSITIVE_INFINITY): EventOf<'map'> | undefined {
    return this.#last(domain, iova, step, ({ kind }) => kind === 'map') as EventOf<'map'> | undefined;
  }

  #last(domain: number, iova: bigint, step: number, isWanted: (change: Change) => boolean): Change | undefined {
    return this.#changes
      .get(domain)
      ?.findLast(
        (change) => change.step <= step && change.range.start <= iova && iova <= change.range.last && isWanted(change),
      );
  }
}
