import type { EventOf } from '../log/index.js';
import type { CachedEntry } from './cached-entry.js';
import { mismatches } from './coverage.js';

/** Entries that are remembered for one unit; beyond it the oldest are forgotten, as a cache would. */
const MOST_ENTRIES = 4096;

/**
 * The entries that one unit may hold by the architecture: every fill, until an invalidation names it after the tables changed. What the
 * unit's own replacement threw out is still here: another unit would have kept it.
 */
export class EntryStore {
  readonly #entries = new Map<string, CachedEntry>();
  /** Entries by the address of each word that they were made from. */
  readonly #dependents = new Map<bigint, Set<CachedEntry>>();
  /** Entries whose words were changed. */
  readonly suspects: Set<CachedEntry> = new Set();

  get entries(): Iterable<CachedEntry> {
    return this.#entries.values();
  }

  add(entry: CachedEntry): void {
    const known = this.#entries.get(entry.key);
    if (known !== undefined) this.remove(known);
    this.#entries.set(entry.key, entry);
    for (const address of addressesOf(entry)) {
      const dependents = this.#dependents.get(address);
      if (dependents === undefined) this.#dependents.set(address, new Set([entry]));
      else dependents.add(entry);
    }
    if (this.#entries.size <= MOST_ENTRIES) return;
    for (const oldest of this.#entries.values()) return this.remove(oldest);
  }

  remove(entry: CachedEntry): void {
    this.suspects.delete(entry);
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
    for (const address of addressesOf(entry)) {
      const dependents = this.#dependents.get(address);
      dependents?.delete(entry);
      if (dependents?.size === 0) this.#dependents.delete(address);
    }
  }

  /** Entries that were made from one of these words. */
  *madeFrom(words: EventOf<'write'>['words']): Generator<CachedEntry> {
    for (const { address } of words) yield* this.#dependents.get(address) ?? [];
  }

  /** Software wrote: entries that were made from a changed word come under suspicion. */
  written(event: EventOf<'write'>): void {
    for (const entry of this.madeFrom(event.words)) {
      entry.changedBy ??= event;
      this.suspects.add(entry);
    }
  }

  /** An invalidation was carried out. @returns the entries that were no longer true and are gone now */
  invalidated(event: EventOf<'invalidation'>): readonly CachedEntry[] {
    const gone: CachedEntry[] = [];
    for (const entry of this.#entries.values()) {
      if (mismatches(entry.fill, event.invalidation).length > 0) continue;
      if (entry.changedBy === undefined) entry.droppedBy ??= event;
      else gone.push(entry);
    }
    for (const entry of gone) this.remove(entry);
    return gone;
  }
}

function* addressesOf({ steps }: CachedEntry): Generator<bigint> {
  for (const { address, words } of steps) {
    for (let index = 0; index < words.length; index++) yield address + BigInt(index * 8);
  }
}
