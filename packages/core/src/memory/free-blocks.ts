/** Set of free blocks of one order, by index; finds the lowest. Two levels of bits: one of the upper stands for 32 words of the lower. */
export class FreeBlocks {
  /** Members. */
  count = 0;
  #words: Int32Array;
  #summary: Int32Array;
  /** No summary word below this one has a bit set. */
  #hint = 0;

  constructor(capacity: number) {
    this.#words = new Int32Array(Math.ceil(capacity / 32));
    this.#summary = new Int32Array(Math.ceil(capacity / 1024));
  }

  /** Makes room for indices below `capacity`; members stay. */
  grow(capacity: number): void {
    this.#words = longer(this.#words, Math.ceil(capacity / 32));
    this.#summary = longer(this.#summary, Math.ceil(capacity / 1024));
  }

  has(index: number): boolean {
    return (((this.#words[index >>> 5] as number) >>> (index & 31)) & 1) !== 0;
  }

  add(index: number): void {
    const word = index >>> 5;
    this.#words[word] = (this.#words[word] as number) | (1 << (index & 31));
    const upper = word >>> 5;
    this.#summary[upper] = (this.#summary[upper] as number) | (1 << (word & 31));
    if (upper < this.#hint) this.#hint = upper;
    this.count++;
  }

  delete(index: number): void {
    const word = index >>> 5;
    const left = (this.#words[word] as number) & ~(1 << (index & 31));
    this.#words[word] = left;
    if (left === 0) {
      const upper = word >>> 5;
      this.#summary[upper] = (this.#summary[upper] as number) & ~(1 << (word & 31));
    }
    this.count--;
  }

  /** The lowest member; there must be one. */
  lowest(): number {
    let upper = this.#hint;
    while (this.#summary[upper] === 0) upper++;
    this.#hint = upper;
    const word = upper * 32 + lowestBit(this.#summary[upper] as number);
    return word * 32 + lowestBit(this.#words[word] as number);
  }
}

const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

function longer(old: Int32Array, length: number): Int32Array {
  const grown = new Int32Array(length);
  grown.set(old);
  return grown;
}
