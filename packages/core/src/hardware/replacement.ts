/* What a field holds before the constructor sets it: V8 then knows its class. */
const NO_TURNS = new Uint8Array(0);

/** Which way of a full set goes: round robin by set, or pseudo-random from a seed. Both are deterministic. */
export class Replacement {
  /** By set: the way that goes next. */
  readonly #turn: Uint8Array = NO_TURNS;
  readonly #lastWay: number = 0;
  readonly #seed: number = 0;
  #random = 0;

  constructor(sets: number, ways: number, policy: 'round-robin' | { readonly seed: number }) {
    this.#turn = new Uint8Array(sets);
    this.#lastWay = ways - 1;
    this.#seed = policy === 'round-robin' ? 0 : policy.seed | 0 || 1;
    this.#random = this.#seed;
  }

  /** The way that goes now. */
  victim(set: number): number {
    if (this.#seed !== 0) return this.#draw();
    const turns = this.#turn;
    const way = turns[set] as number;
    turns[set] = (way + 1) & this.#lastWay;
    return way;
  }

  /** Xorshift32. */
  #draw(): number {
    let random = this.#random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.#random = random;
    return random & this.#lastWay;
  }

  /** Starts over. */
  clear(): void {
    this.#turn.fill(0);
    this.#random = this.#seed;
  }
}
