/** Why the architecture refuses an access. */
export type Refusal =
  | 'illegal DTE'
  | 'translation invalid (TV = 0)'
  | 'right missing in the DTE'
  | 'beyond Mode'
  | 'entry not present (PR = 0)'
  | 'illegal level'
  | 'illegal size'
  | 'reserved bit'
  | 'skipped address bits not zero'
  | 'right missing';

/** What the architecture answers. */
export interface BookAnswer {
  readonly pa?: bigint;
  /** Size of the page, bytes; undefined where nothing is translated. */
  readonly bytes?: bigint;
  readonly leaf?: bigint;
  readonly level?: number;
  readonly refusal?: Refusal;
}

const bits = (word: bigint, high: number, low: number): bigint =>
  (word >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
/** Bytes that one entry of a level covers. */
const natural = (level: number): bigint => 1n << BigInt(12 + 9 * (level - 1));

/**
 * An untranslated request without PASID, from the fact sheet alone: device table entry (section 2), host tables (section 3.1). Nothing
 * of the engine, the formats or the unit is used.
 * @param word reads eight bytes of memory
 * @param dte the first word of the device table entry
 */
export function bookWalk(word: (at: bigint) => bigint, dte: bigint, iova: bigint, write: boolean): BookAnswer {
  const right = write ? 62 : 61;
  if (bits(dte, 0, 0) === 0n) return { pa: iova };
  if (bits(dte, 6, 2) !== 0n || bits(dte, 63, 63) !== 0n) return { refusal: 'illegal DTE' };
  if (bits(dte, 1, 1) === 0n) return { refusal: 'translation invalid (TV = 0)' };
  const mode = Number(bits(dte, 11, 9));
  if (mode === 7) return { refusal: 'illegal DTE' };
  if (bits(dte, right, right) === 0n) return { refusal: 'right missing in the DTE' };
  if (mode === 0) return { pa: iova };
  if (iova >> BigInt(12 + 9 * mode) !== 0n) return { refusal: 'beyond Mode' };
  let table = bits(dte, 51, 12) << 12n;
  for (let level = mode; ;) {
    const entry = word(table + 8n * bits(iova, 11 + 9 * level, 3 + 9 * level));
    const next = Number(bits(entry, 11, 9));
    if (bits(entry, 0, 0) === 0n) return { refusal: 'entry not present (PR = 0)' };
    if (next >= 1 && next <= 6) {
      if (next >= level) return { refusal: 'illegal level' };
      if (bits(entry, 60, 52) !== 0n) return { refusal: 'reserved bit' };
      if (bits(entry, right, right) === 0n) return { refusal: 'right missing' };
      if (next < level - 1 && bits(iova, 2 + 9 * level, 12 + 9 * next) !== 0n)
        return { refusal: 'skipped address bits not zero' };
      table = bits(entry, 51, 12) << 12n;
      level = next;
      continue;
    }
    if (level === 6) return { refusal: 'illegal level' };
    if (bits(entry, right, right) === 0n) return { refusal: 'right missing' };
    let bytes = natural(level);
    if (next === 7) {
      let zero = 12n;
      while (((entry >> zero) & 1n) === 1n && zero < 52n) zero++;
      bytes = 1n << (zero + 1n);
      if (bytes <= natural(level) || bytes >= natural(level + 1)) return { refusal: 'illegal size' };
    }
    if (bits(entry, 58, 52) !== 0n) return { refusal: 'reserved bit' };
    const base = (bits(entry, 51, 12) << 12n) & ~(bytes - 1n);
    return { pa: base | (iova & (bytes - 1n)), bytes, leaf: entry, level };
  }
}
