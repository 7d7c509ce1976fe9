/** Deterministic numbers from a seed (xorshift32 over a mixed seed). */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring streams.
    this.#state = (Math.imul(seed ^ (seed >>> 16), 0x45d9f3b) ^ 0x9e3779b9) | 0 || 1;
    for (let round = 0; round < 8; round++) this.word();
  }

  /** 32 bits, not negative. */
  word(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** 0 to `limit - 1`. */
  below(limit: number): number {
    return this.word() % limit;
  }

  /** True in `percent` of 100. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<A>(choices: readonly A[]): A {
    return choices[this.below(choices.length)]!;
  }

  /** `bits` random bits, up to 64. */
  bits(bits: number): bigint {
    return ((BigInt(this.word()) << 32n) | BigInt(this.word())) & ((1n << BigInt(bits)) - 1n);
  }
}
