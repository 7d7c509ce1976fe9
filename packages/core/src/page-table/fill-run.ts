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
  const step = 2 ** ((format.shift[level] as number) - format.addressShift);
  const end = at + entries * 2;
  const lastHi = pageHi(paPage + entries * 2 ** ((format.shift[level] as number) - granuleShift) - 1, granuleShift);
  format.encodeAddress(pageHi(paPage, granuleShift), pageLo(paPage, granuleShift));
  if (step > 0x4000_0000 || (lastHi & format.foldAddressHi) !== 0) {
    fillEach(format, words, at, end, level, paPage, bitsHi, bitsLo);
    return;
  }
  let hi = format.outHi | bitsHi;
  let lo = format.outLo | bitsLo;
  while (at < end) {
    // The high word changes only where the low one wraps.
    const untilWrap = Math.ceil((0x1_0000_0000 - (lo >>> 0)) / step);
    const stop = Math.min(end, at + untilWrap * 2);
    for (; at < stop; at += 2) {
      words[at] = lo;
      words[at + 1] = hi;
      lo = (lo + step) | 0;
    }
    hi = (hi + 1) | 0;
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
  const stride = 2 ** ((format.shift[level] as number) - granuleShift);
  for (; at < end; at += 2) {
    format.encodeAddress(pageHi(paPage, granuleShift), pageLo(paPage, granuleShift));
    words[at] = format.outLo | bitsLo;
    words[at + 1] = format.outHi | bitsHi;
    paPage += stride;
  }
}
