import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pageHi, pageLo, pageOf } from '../../src/page-table/io-page.js';

it('takes addresses apart and together again, whatever the granule', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.integer({ min: 11, max: 31 }), (address, shift) => {
      const [hi, lo] = [Number(BigInt.asIntN(32, address >> 32n)), Number(BigInt.asIntN(32, address))];
      const page = pageOf(hi, lo, shift);
      expect(BigInt(page)).toBe(address >> BigInt(shift));
      const first = (address >> BigInt(shift)) << BigInt(shift);
      expect([pageHi(page, shift), pageLo(page, shift)]).toEqual([hi, Number(BigInt.asIntN(32, first))]);
    }),
    { numRuns: 300, seed: 3 },
  );
});
