import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../../src/index.js';
import { fillRun } from '../../src/page-table/fill-run.js';
import { FormatWords } from '../../src/page-table/format-words.js';
import { everyFormat } from './formats.js';

const ARENA = { start: 0n, last: 0xffffn };
const memory = new PhysicalMemory({ windows: [ARENA], arena: ARENA });
const U64 = (1n << 64n) - 1n;

/** The entry that the words at an index make. */
const entryAt = (index: number): bigint =>
  BigInt.asUintN(64, (BigInt(memory.words[index + 1]!) << 32n) | BigInt(memory.words[index]! >>> 0));

describe('fillRun', () => {
  const formats = everyFormat.map(({ format }) => format).filter(({ address }) => address.length === 1);

  it('writes each address into its own entry and leaves the other bits as given, whatever they are', () => {
    const bits = fc.oneof(
      fc.bigInt({ min: 0n, max: U64 }),
      // As doubles: nothing but a sign, the smallest normal, infinity, not a number.
      fc.constantFrom(0n, 1n << 63n, 1n << 52n, 0x7ff0_0000_0000_0000n, 0xfff8_0000_0000_0001n, U64),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...formats),
        fc.integer({ min: 0, max: 1 }),
        bits,
        fc.integer({ min: 1, max: 40 }),
        fc.bigInt({ min: 0n, max: (1n << 44n) - 1n }),
        (format, level, given, entries, address) => {
          const words = new FormatWords(format);
          const { shift } = format.levels[level]!;
          const [piece] = format.address;
          const [hi, lo] = piece!.bits;
          const field = ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
          const other = given & ~field;
          const first = (address >> BigInt(shift)) << BigInt(shift);
          memory.words.fill(-1);
          const word = (value: bigint): number => Number(BigInt.asIntN(32, value));
          const page = Number(first >> BigInt(format.granuleShift));
          fillRun(words, memory, 64, entries, level, page, word(other >> 32n), word(other));
          for (let entry = 0; entry < entries; entry++) {
            const at = first + (BigInt(entry) << BigInt(shift));
            const expected = other | (((at >> BigInt(piece!.address)) << BigInt(lo)) & field);
            expect(entryAt(64 + 2 * entry)).toBe(expected);
          }
          expect([entryAt(62), entryAt(64 + 2 * entries)]).toEqual([U64, U64]);
        },
      ),
      { numRuns: 400, seed: 5 },
    );
  });
});
