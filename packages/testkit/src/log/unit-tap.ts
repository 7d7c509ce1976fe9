import {
  join64,
  type CacheFill,
  type HardwareFault,
  type TranslationUnit,
  type UnitInvalidation,
  type UnitObserver,
} from '@ioasis/core';
import type { EventOf } from './event.js';
import type { EventStream } from './event-stream.js';
import { intercept } from './intercept.js';

/** Told after each translation, when the unit may be asked again. */
export type TranslationWitness = (dma: EventOf<'dma'>, unit: TranslationUnit) => void;

/**
 * Puts one unit's requests, registers, caches, commands and faults into a stream. An observer that was there is still told.
 * Of a unit that has no observer requests and registers are seen, caches and commands are not: what is stale there has no known cause.
 */
export class UnitTap implements UnitObserver {
  readonly unit: TranslationUnit;
  readonly number: number;
  readonly #stream: EventStream;
  readonly #before: UnitObserver | null;

  constructor(unit: TranslationUnit, number: number, stream: EventStream, witness: TranslationWitness) {
    this.unit = unit;
    this.number = number;
    this.#stream = stream;
    this.#before = unit.observer ?? null;
    if (unit.observer !== undefined) unit.observer = this;
    intercept(unit, 'translate', (translate) => (requesterId, pasid, iovaHi, iovaLo, access) => {
      stream.settle();
      const { iotlbHits, walkReads } = unit.counters;
      const allowed = translate(requesterId, pasid, iovaHi, iovaLo, access);
      const { counters, translation } = unit;
      const dma = stream.emit({
        kind: 'dma',
        unit: number,
        requesterId,
        pasid,
        iova: join64(iovaHi, iovaLo),
        access,
        pa: allowed ? join64(translation.paHi, translation.paLo) : undefined,
        from: counters.iotlbHits === iotlbHits ? 'walk' : 'iotlb',
        reads: counters.walkReads - walkReads,
      }) as EventOf<'dma'>;
      witness(dma, unit);
      return allowed;
    });
    intercept(unit, 'write32', (write) => (offset, value) => {
      stream.emit({ kind: 'register', unit: number, offset, value: BigInt(value >>> 0) });
      write(offset, value);
    });
    intercept(unit, 'write64', (write) => (offset, hi, lo) => {
      stream.emit({ kind: 'register', unit: number, offset, value: join64(hi, lo) });
      write(offset, hi, lo);
    });
  }

  filled(fill: CacheFill): void {
    this.#before?.filled(fill);
    this.#stream.emit({ kind: 'fill', unit: this.number, fill });
  }

  invalidated(invalidation: UnitInvalidation): void {
    this.#before?.invalidated(invalidation);
    this.#stream.emit({ kind: 'invalidation', unit: this.number, invalidation });
  }

  executing(name: string, words: ArrayLike<number>): void {
    this.#before?.executing(name, words);
    this.#stream.emit({ kind: 'command', unit: this.number, name, words: Array.from(words) });
  }

  faulted(fault: HardwareFault): void {
    this.#before?.faulted(fault);
    this.#stream.emit({ kind: 'fault', unit: this.number, fault });
  }
}
