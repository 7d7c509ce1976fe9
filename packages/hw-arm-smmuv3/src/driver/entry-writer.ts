import type { SharedMemory } from './shared-memory.js';

/** Words of an STE and of a CD. */
export const ENTRY_WORDS = 8;

/** An entry as 64-bit words. */
export type EntryWords = readonly bigint[];

/** Which bits of an entry the hardware looks at. */
export type UsedBits = (entry: EntryWords) => EntryWords;

/** Cuts an entry into words. */
export const wordsOf = (entry: bigint): EntryWords =>
  Array.from({ length: ENTRY_WORDS }, (_, word) => BigInt.asUintN(64, entry >> BigInt(word * 64)));

/** An entry, from its words. */
export const entryOf = (words: EntryWords): bigint =>
  words.reduce((entry, word, index) => entry | (word << BigInt(index * 64)), 0n);

/**
 * Changes an STE or a CD while hardware may read it (IHI 0070 3.21.3; specification sheet 5.1). Hardware reads words one by one, so at
 * every moment they must form the old entry, the new one, or an invalid one. When the used bits differ in one word only, that word is
 * written in between and nobody is disturbed; otherwise the entry becomes invalid first.
 */
export class EntryWriter {
  readonly #memory: SharedMemory;
  readonly #used: UsedBits;

  constructor(memory: SharedMemory, used: UsedBits) {
    this.#memory = memory;
    this.#used = used;
  }

  /** Writes an entry of eight words at `address`. @param sync makes the hardware forget the old one; called after every step */
  write(address: bigint, target: EntryWords, sync: () => void): void {
    const current = this.#read(address);
    const usedNow = this.#used(current);
    const usedThen = this.#used(target);
    // Bits that nobody looks at yet can have their new values at once.
    const prepared = current.map((word, i) => (word & usedNow[i]!) | (target[i]! & ~usedNow[i]!));
    const different = prepared.map((word, i) => ((word ^ target[i]!) & usedThen[i]!) !== 0n);
    const count = different.filter(Boolean).length;
    const step = (words: EntryWords, from: number, to: number): void => {
      if (this.#store(address, words, from, to)) sync();
    };
    if (count === 0) step(target, 0, ENTRY_WORDS);
    else if (count === 1) {
      const critical = different.indexOf(true);
      prepared[critical] = current[critical]!;
      step(prepared, 0, ENTRY_WORDS);
      step(target, critical, critical + 1);
      step(target, 0, ENTRY_WORDS);
    } else {
      step([0n], 0, 1);
      step(target, 1, ENTRY_WORDS);
      step(target, 0, 1);
    }
  }

  #read(address: bigint): EntryWords {
    return Array.from({ length: ENTRY_WORDS }, (_, word) => this.#memory.load64(address + BigInt(word * 8)));
  }

  /** Stores words `[from, to)` that differ. @returns whether any did */
  #store(address: bigint, words: EntryWords, from: number, to: number): boolean {
    const current = this.#read(address);
    let changed = false;
    for (let word = from; word < to; word++) {
      const value = words[word]!;
      if (current[word] === value) continue;
      this.#memory.store64(address + BigInt(word * 8), value);
      changed = true;
    }
    return changed;
  }
}
