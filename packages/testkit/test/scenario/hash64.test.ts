import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hash64Pattern } from '../../src/index.js';

/** The formula of the format's description, word by word. */
function slowly(address: bigint, bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 8) {
    const h = BigInt.asUintN(64, ((address + BigInt(at)) >> 3n) * 0x9e3779b97f4a7c15n);
    out.writeBigUInt64LE((h ^ (h >> 32n)) | 0x0101010101010101n, at);
  }
  return out;
}

it('is the formula of the format', () => {
  const address = fc.bigInt({ min: 0n, max: (1n << 48n) - 1n }).map((value) => value & ~7n);
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: 40 }), (start, words) => {
      expect(Buffer.from(hash64Pattern(start, words * 8))).toEqual(slowly(start, words * 8));
    }),
    { numRuns: 200 },
  );
});
