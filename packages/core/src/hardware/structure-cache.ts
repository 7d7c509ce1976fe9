/**
 * A unit's cache of decoded structures (context entries, PASID entries, STEs, CDs, DTEs): set-associative, by requester and PASID,
 * round robin or pseudo-random from a seed. Both are deterministic.
 */
export class StructureCache<Entry> {
  /** False: the cache has no room, and nothing is kept. */
  readonly isOn: boolean;
  /** Called after entries came or went: whoever remembers one forgets it then. */
  onChange: (() => void) | null = null;
  readonly #requesters: Int32Array;
  readonly #pasids: Int32Array;
  readonly #entries: (Entry | null)[];
  readonly #ways: number;
  readonly #setMask: number;
  #turn: number;
  readonly #seed: number;
  readonly #pseudoRandom: boolean;

  /** @param size number of entries, a power of two; 0: off */
  constructor(size: number, ways: number, seed: number | undefined) {
    this.isOn = size > 0;
    this.#ways = Math.min(ways, Math.max(size, 1));
    this.#setMask = size === 0 ? 0 : size / this.#ways - 1;
    this.#requesters = new Int32Array(size).fill(-1);
    this.#pasids = new Int32Array(size);
    this.#entries = Array.from({ length: size }, () => null);
    this.#pseudoRandom = seed !== undefined;
    this.#seed = seed ?? 0;
    this.#turn = this.#seed;
  }

  /** The entry of a requester and PASID, or null. */
  find(requester: number, pasid: number): Entry | null {
    const requesters = this.#requesters;
    const first = this.#set(requester, pasid);
    const last = Math.min(first + this.#ways, requesters.length);
    for (let at = first; at < last; at++) {
      if (requesters[at] === requester && this.#pasids[at] === pasid) return this.#entries[at]!;
    }
    return null;
  }

  /** Keeps an entry for a requester and PASID; a full cache drops another one for it. */
  insert(requester: number, pasid: number, entry: Entry): void {
    if (!this.isOn) return;
    const first = this.#set(requester, pasid);
    let victim = -1;
    for (let at = first; at < first + this.#ways; at++) {
      if (this.#requesters[at] === requester && this.#pasids[at] === pasid) victim = at;
      else if (victim < 0 && this.#requesters[at] === -1) victim = at;
    }
    if (victim < 0) victim = first + this.#nextWay();
    this.#requesters[victim] = requester;
    this.#pasids[victim] = pasid;
    this.#entries[victim] = entry;
    this.onChange?.();
  }

  /**
   * Drops entries. Runs once per invalidation command, not per request.
   * @returns how many
   */
  drop(matches: (entry: Entry, requester: number, pasid: number) => boolean): number {
    let dropped = 0;
    for (let at = 0; at < this.#entries.length; at++) {
      const entry = this.#entries[at]!;
      if (entry === null || !matches(entry, this.#requesters[at]!, this.#pasids[at]!)) continue;
      this.#requesters[at] = -1;
      this.#entries[at] = null;
      dropped++;
    }
    if (dropped > 0) this.onChange?.();
    return dropped;
  }

  /** Drops everything and restarts replacement. */
  clear(): void {
    this.#requesters.fill(-1);
    this.#entries.fill(null);
    this.#turn = this.#seed;
    this.onChange?.();
  }

  #set(requester: number, pasid: number): number {
    return ((requester ^ (requester >>> 8) ^ (pasid * 0x9e5)) & this.#setMask) * this.#ways;
  }

  #nextWay(): number {
    this.#turn = this.#pseudoRandom ? (Math.imul(this.#turn, 0x19660d) + 0x3c6ef35f) | 0 : this.#turn + 1;
    return (this.#pseudoRandom ? this.#turn >>> 16 : this.#turn) % this.#ways;
  }
}
