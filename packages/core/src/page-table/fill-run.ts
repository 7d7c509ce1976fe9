import type { PhysicalMemory } from '../memory/index.js';
import type { FormatWords } from './format-words.js';
import { pageHi, pageLo } from './io-page.js';

/** Exponent of a double that is no number: such bits may not survive a store. */
const NOT_A_NUMBER = 0x7ff0_0000;
/** Bits of the fraction in the high word. */
const FRACTION_HI = 0xf_ffff;

/**
 * Writes `entries` leaves of `level` for a physically contiguous run, from the entry whose low word is `words[at]` on.
 * @param paPage first page, in granules
 * @param bitsHi everything of an entry but its address
 */
export function fillRun(
  format: FormatWords,
  memory: PhysicalMemory,
  at: number,
  entries: number,
  level: number,
  paPage: number,
  bitsHi: number,
  bitsLo: number,
): void {
  const { granuleShift } = format.format;
  const stepShift = (format.shift[level] as number) - format.addressShift;
  const lastHi = pageHi(paPage + entries * (format.span[level] as number) - 1, granuleShift);
  format.encodeAddress(pageHi(paPage, granuleShift), pageLo(paPage, granuleShift));
  const hi = format.outHi | bitsHi;
  const lo = format.outLo | bitsLo;
  const isBeyondFraction = ((lastHi >>> format.addressShift) & ~FRACTION_HI) !== 0;
  const isFolded = (lastHi & format.foldAddressHi) !== 0;
  if (stepShift > 30 || isFolded || isBeyondFraction || (hi & NOT_A_NUMBER) === NOT_A_NUMBER) {
    fillEach(format, memory.words, at, entries, level, paPage, bitsHi, bitsLo);
    return;
  }
  // The address lies in bits 51:0, where the fraction of a double is: as no other bit changes, entries taken as doubles are as far
  // apart as their addresses, in units of the last place, and adding is exact. One store an entry instead of two.
  const step = format.doubleOf(hi, 1 << stepShift) - format.doubleOf(hi, 0);
  fillDoubles(memory.doubles, at >>> 1, entries, format.doubleOf(hi, lo), step);
}

/** In a function of its own so that V8 keeps all of it in registers. */
function fillDoubles(doubles: Float64Array, at: number, entries: number, first: number, step: number): void {
  const end = at + entries;
  let a = first;
  let b = a + step;
  let c = b + step;
  let d = c + step;
  const stride = step * 4;
  // Four sums that do not wait for each other.
  for (const turns = end - 3; at < turns; at += 4) {
    doubles[at] = a;
    doubles[at + 1] = b;
    doubles[at + 2] = c;
    doubles[at + 3] = d;
    a += stride;
    b += stride;
    c += stride;
    d += stride;
  }
  for (; at < end; at++) {
    doubles[at] = a;
    a += step;
  }
}

/** Large strides, addresses in two pieces, and bits that are no number. */
function fillEach(
  format: FormatWords,
  words: Int32Array,
  at: number,
  entries: number,
  level: number,
  paPage: number,
  bitsHi: number,
  bitsLo: number,
): void {
  const { granuleShift } = format.format;
  const stride = format.span[level] as number;
  const end = at + entries * 2;
  for (; at < end; at += 2) {
    format.encodeAddress(pageHi(paPage, granuleShift), pageLo(paPage, granuleShift));
    words[at] = format.outLo | bitsLo;
    words[at + 1] = format.outHi | bitsHi;
    paPage += stride;
  }
}
