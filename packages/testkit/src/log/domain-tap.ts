import { join64, type IommuDomain, type IotlbGather, type Range64 } from '@ioasis/core';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';

/** Gives objects numbers from 1 in the order in which they are first seen. */
export class Numbering {
  readonly #numbers = new WeakMap<object, number>();
  #last = 0;

  of(object: object): number {
    const known = this.#numbers.get(object);
    if (known !== undefined) return known;
    this.#numbers.set(object, ++this.#last);
    return this.#last;
  }
}

/** Told of what goes through a domain besides the stream: dirty reports have no event of their own. */
export interface DomainListener {
  trackingSet(domain: number, enabled: boolean): void;
  /** A report of written pages begins. @param clears pages are clean afterwards */
  readingDirty(domain: number, range: Range64, clears: boolean, gather: number): DirtyReport;
}

/** One `readAndClear` in progress. */
export interface DirtyReport {
  marked(range: Range64): void;
  /** @param isReport false: it was refused, or nobody wanted to hear */
  done(isReport: boolean): void;
}

const bytesFrom = (start: bigint, bytes: bigint): Range64 => ({ start, last: start + bytes - 1n });

/** Puts the calls of one domain into a stream. */
export function tapDomain(
  domain: IommuDomain,
  number: number,
  stream: EventStream,
  gathers: Numbering,
  listener: DomainListener,
): void {
  const call = <A>(name: string, body: () => A): A => stream.run({ name, by: 'driver' }, body);
  intercept(
    domain,
    'mapPages',
    (mapPages) => (iovaHi, iovaLo, paHi, paLo, pageShift, count, prot) =>
      call('mapPages', () => {
        const errno = mapPages(iovaHi, iovaLo, paHi, paLo, pageShift, count, prot);
        const bytes = BigInt(domain.mappedPages) << BigInt(pageShift);
        if (bytes > 0n) {
          const range = bytesFrom(join64(iovaHi, iovaLo), bytes);
          stream.emit({ kind: 'map', domain: number, range, pa: join64(paHi, paLo), prot });
        }
        return errno;
      }),
  );
  intercept(
    domain,
    'unmapPages',
    (unmapPages) => (iovaHi, iovaLo, pageShift, count, gather) =>
      call('unmapPages', () => {
        const bytes = unmapPages(iovaHi, iovaLo, pageShift, count, gather);
        if (bytes > 0) {
          const range = bytesFrom(join64(iovaHi, iovaLo), BigInt(bytes));
          stream.emit({ kind: 'unmap', domain: number, range, gather: gathers.of(gather) });
        }
        return bytes;
      }),
  );
  intercept(
    domain,
    'syncMap',
    (syncMap) => (startHi, startLo, lastHi, lastLo) =>
      call('syncMap', () => {
        syncMap(startHi, startLo, lastHi, lastLo);
        stream.emit({ kind: 'sync', domain: number, of: 'map' });
      }),
  );
  intercept(
    domain,
    'syncUnmap',
    (syncUnmap) => (gather) =>
      call('syncUnmap', () => {
        syncUnmap(gather);
        stream.emit({ kind: 'sync', domain: number, of: 'unmap', gather: gathers.of(gather) });
      }),
  );
  intercept(
    domain,
    'flushAll',
    (flushAll) => () =>
      call('flushAll', () => {
        flushAll();
        stream.emit({ kind: 'sync', domain: number, of: 'all' });
      }),
  );
  intercept(domain, 'free', (free) => () => call('free', free));
  if (domain.dirty !== undefined) tapDirty(domain.dirty, number, stream, gathers, listener);
}

function tapDirty(
  dirty: NonNullable<IommuDomain['dirty']>,
  number: number,
  stream: EventStream,
  gathers: Numbering,
  listener: DomainListener,
): void {
  intercept(
    dirty,
    'setTracking',
    (setTracking) => (enabled) =>
      stream.run({ name: 'setTracking', by: 'driver', detail: String(enabled) }, () => {
        const errno = setTracking(enabled);
        if (errno === 0) listener.trackingSet(number, enabled);
        return errno;
      }),
  );
  intercept(
    dirty,
    'readAndClear',
    (readAndClear) => (iovaHi, iovaLo, bytes, flags, sink, gather: IotlbGather) =>
      stream.run({ name: 'readAndClear', by: 'driver' }, () => {
        const range = bytesFrom(join64(iovaHi, iovaLo), BigInt(bytes));
        const report = listener.readingDirty(number, range, flags === 0, gathers.of(gather));
        const watched = sink && {
          mark(hi: number, lo: number, length: number): void {
            report.marked(bytesFrom(join64(hi, lo), BigInt(length)));
            sink.mark(hi, lo, length);
          },
        };
        const errno = readAndClear(iovaHi, iovaLo, bytes, flags, watched, gather);
        report.done(errno === 0 && sink !== null);
        return errno;
      }),
  );
}
