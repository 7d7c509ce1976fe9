import type { WordLayout } from '@ioasis/core';
import type { Decoded } from './decoded.js';

/** Fields of a word, and what is set outside of them. */
export function decodeWord(layout: WordLayout<string>, word: bigint): Decoded {
  const reserved = word & layout.reserved;
  return {
    line: undefined,
    what: layout.name,
    fields: Object.entries(layout.decode(word)).toReversed(),
    ...(reserved === 0n ? {} : { reserved }),
  };
}

/** 64-bit words, lowest first, as one. */
export const joinWords = (words: readonly bigint[]): bigint =>
  words.reduceRight((above, word) => (above << 64n) | word, 0n);
