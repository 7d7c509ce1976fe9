/** Words of the multiplier 0x9E3779B97F4A7C15. */
const STEP_HI = 0x9e37_79b9;
const STEP_LO = 0x7f4a_7c15;
const MULTIPLIER = 0x9e37_79b9_7f4a_7c15n;
const MASK64 = 0xffff_ffff_ffff_ffffn;
/** Keeps every byte from being zero, which is what a refused read delivers. */
const NEVER_ZERO = 0x0101_0101;

/**
 * The `hash64` pattern: with h = (address >> 3) * 0x9E3779B97F4A7C15 mod 2^64 the 8-byte word at `address` is
 * (h ^ (h >> 32)) | 0x0101010101010101.
 * @param address of the first byte; a multiple of 8, as `bytes` is
 */
export function hash64Pattern(address: bigint, bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 8) * 2);
  const first = ((address >> 3n) * MULTIPLIER) & MASK64;
  let hi = Number(first >> 32n);
  let lo = Number(first & 0xffff_ffffn);
  for (let at = 0; at < words.length; at += 2) {
    words[at] = (lo ^ hi) | NEVER_ZERO;
    words[at + 1] = hi | NEVER_ZERO;
    const sum = lo + STEP_LO;
    hi = (hi + STEP_HI + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
    lo = sum >>> 0;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}
