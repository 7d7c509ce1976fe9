import { hex, type PhysicalMemory, type TranslationUnit, type TranslationWalk } from '@ioasis/core';
import type { EventOf } from '../log/index.js';
import { requesterText } from '../log/words.js';
import type { CachedEntry } from './cached-entry.js';
import type { StaleChecker } from './stale-checker.js';

/** What a request met while the structures on its way were rewritten. */
interface Rewriting {
  readonly entry: CachedEntry;
  readonly unit: TranslationUnit;
  /** Walks between stores that led somewhere else than before, by the address that they gave. */
  readonly between: Map<bigint, TranslationWalk>;
}

/**
 * Watches structures that a unit has used while a call rewrites them in several stores: a request in between may be refused, or be served as
 * before or as after, and nothing else.
 */
export class TornStructures {
  readonly #memory: PhysicalMemory;
  readonly #stale: StaleChecker;
  readonly #rewriting = new Map<string, Rewriting>();

  constructor(memory: PhysicalMemory, stale: StaleChecker) {
    this.#memory = memory;
    this.#stale = stale;
  }

  /** A store of a call was made, and the next one was not. */
  written(event: EventOf<'write'>): void {
    for (const [entry, unit] of this.#stale.structuresFrom(event.words)) {
      const { requesterId, pasid } = entry.filledBy;
      const key = `${requesterId} ${pasid}`;
      if (!this.#rewriting.has(key)) this.#rewriting.set(key, { entry, unit, between: new Map() });
    }
    for (const rewriting of this.#rewriting.values()) {
      const walk = this.#walk(rewriting);
      if (walk.pa !== undefined && walk.pa !== rewriting.entry.walk.pa) rewriting.between.set(walk.pa, walk);
    }
  }

  /** The call is over. @returns what led astray meanwhile */
  judge(): readonly { readonly detail: string; readonly walk: TranslationWalk }[] {
    const all = [...this.#rewriting.values()];
    this.#rewriting.clear();
    return all.flatMap((rewriting) => {
      const { entry, between } = rewriting;
      if (between.size === 0) return [];
      const { requesterId, pasid, iova } = entry.filledBy;
      const after = this.#walk(rewriting).pa;
      const { pa: before } = entry.walk;
      const text = (pa: bigint | undefined): string => (pa === undefined ? 'nowhere' : hex(pa));
      return [...between]
        .filter(([pa]) => pa !== after)
        .map(([pa, walk]) => ({
          detail: `between two stores ${hex(iova)} of ${requesterText(requesterId, pasid)} led to ${hex(pa)}, before to ${text(before)}, after to ${text(after)}`,
          walk,
        }));
    });
  }

  /** A walk in the middle of somebody's work with memory, whose results stay as they are. */
  #walk({ entry, unit }: Rewriting): TranslationWalk {
    const { loadedHi, loadedLo } = this.#memory;
    const { requesterId, pasid, iova, access } = entry.filledBy;
    const walk = unit.explain(requesterId, pasid, iova, access);
    this.#memory.loadedHi = loadedHi;
    this.#memory.loadedLo = loadedLo;
    return walk;
  }
}
