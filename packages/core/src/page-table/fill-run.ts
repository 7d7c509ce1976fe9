import type { FormatWords } from './format-words.js';
import { pageHi, pageLo } from './io-page.js';

/**
 * Writes `entries` leaves of `level` for a physically contiguous run, from the entry whose low word is `words[at]` on.
 * @param paPage first page, in granules
 * @param bitsHi everything of an entry but its address
 */
export function fillRun(
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
  const stepShift = (format.shift[level] as number) - format.addressShift;
  const end = (at + entries * 2) | 0;
  const lastHi = pageHi(paPage + entries * (format.span[level] as number) - 1, granuleShift);
  format.encodeAddress(pageHi(paPage, granuleShift), pageLo(paPage, granuleShift));
  if (stepShift > 30 || (lastHi & format.foldAddressHi) !== 0) {
    fillEach(format, words, at, end, level, paPage, bitsHi, bitsLo);
    return;
  }
  const step = 1 << stepShift;
  let hi = format.outHi | bitsHi;
  let lo = format.outLo | bitsLo;
  while (at < end) {
    // The high word changes only where the low one wraps.
    const untilWrap = Math.ceil((0x1_0000_0000 - (lo >>> 0)) / step);
    const stop = Math.min(end, at + untilWrap * 2) | 0;
    fillSpan(words, at | 0, stop, hi, lo, step);
    at = stop;
    lo = (lo + Math.imul(untilWrap, step)) | 0;
    hi = (hi + 1) | 0;
  }
}

/** All in int32, in a function of its own so that it stays so. */
function fillSpan(words: Int32Array, at: number, stop: number, hi: number, lo: number, step: number): void {
  // Four entries a turn: half of a short loop's time is the loop.
  for (const turns = stop - 6; at < turns; at += 8) {
    words[at] = lo;
    words[at + 1] = hi;
    words[at + 2] = lo + step;
    words[at + 3] = hi;
    words[at + 4] = lo + (step << 1);
    words[at + 5] = hi;
    words[at + 6] = lo + step + (step << 1);
    words[at + 7] = hi;
    lo = (lo + (step << 2)) | 0;
  }
  for (; at < stop; at += 2) {
    words[at] = lo;
    words[at + 1] = hi;
    lo = (lo + step) | 0;
  }
}

/** Large strides, and addresses in two pieces. */
function fillEach(
  format: FormatWords,
  words: Int32Array,
  at: number,
  end: number,
  level: number,
  paPage: number,
  bitsHi: number,
  bitsLo: number,
): void {
  const { granuleShift } = format.format;
  const stride = format.span[level] as number;
  for (; at < end; at += 2) {
    format.encodeAddress(pageHi(paPage, granuleShift), pageLo(paPage, granuleShift));
    words[at] = format.outLo | bitsLo;
    words[at + 1] = format.outHi | bitsHi;
    paPage += stride;
  }
}
