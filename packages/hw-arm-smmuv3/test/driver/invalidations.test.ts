import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tlbOfPages, tlbOfRange, type TlbRange } from '../../src/driver/invalidations.js';

/** The operands of a range command (IHI 0070 4.4.1.1), from the fact sheet's positions. */
function operands(command: bigint) {
  const field = (high: number, low: number): number =>
    Number((command >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));
  return {
    opcode: field(7, 0),
    num: field(16, 12),
    scale: field(24, 20),
    vmid: field(47, 32),
    asid: field(63, 48),
    leaf: field(64, 64),
    ttl: field(73, 72),
    tg: field(75, 74),
    address: (command >> 76n) << 12n,
  };
}

const range = (more: Partial<TlbRange>): TlbRange => ({
  stage: 1,
  id: 5,
  start: 0x4000_0000n,
  bytes: 0x1000n,
  pageShift: 12,
  granuleShift: 12,
  leafOnly: true,
  ...more,
});

describe('range invalidation', () => {
  it.each([12, 14, 16])(
    'names every granule of 2^%i bytes once, in order, with as few commands as the fields allow',
    (granuleShift) => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1 << 20 }), (pages) => {
          const granule = 1n << BigInt(granuleShift);
          const asked = range({ bytes: BigInt(pages) * granule, pageShift: granuleShift, granuleShift });
          let at = asked.start;
          let scales = -1;
          for (const command of tlbOfRange(asked)) {
            const { address, num, scale, opcode, asid, leaf, ttl, tg } = operands(command);
            expect({ opcode, asid, leaf, ttl, tg }).toEqual({
              opcode: 0x12,
              asid: 5,
              leaf: 1,
              ttl: 3,
              tg: (granuleShift - 10) / 2,
            });
            expect(address).toBe(at);
            expect(scale).toBeGreaterThan(scales);
            scales = scale;
            at += BigInt(num + 1) << BigInt(scale + granuleShift);
          }
          expect(at).toBe(asked.start + asked.bytes);
        }),
        { numRuns: 40, seed: 3 },
      );
    },
  );

  it.each([
    [12, 12, 3],
    [12, 21, 2],
    [12, 30, 1],
    [14, 25, 2],
    [16, 16, 3],
    [16, 29, 2],
  ])('says with granule 2^%i and pages of 2^%i bytes that leaves are of level %i', (granuleShift, pageShift, level) => {
    const asked = range({ granuleShift, pageShift, bytes: 1n << BigInt(pageShift) });
    expect([...tlbOfRange(asked)].map((command) => operands(command).ttl)).toEqual([level]);
  });

  it('leaves the level open for tables, and never asks for NUM = SCALE = 0 with it', () => {
    const of = (bytes: bigint): unknown[] =>
      [...tlbOfRange(range({ bytes, leafOnly: false }))].map((command) => {
        const { num, scale, ttl, leaf } = operands(command);
        return { num, scale, ttl, leaf };
      });
    expect(of(0x20_0000n)).toEqual([{ num: 0, scale: 9, ttl: 0, leaf: 0 }]);
    // One granule becomes two.
    expect(of(0x1000n)).toEqual([{ num: 0, scale: 1, ttl: 0, leaf: 0 }]);
    expect(of(0x2_1000n)).toEqual([{ num: 16, scale: 1, ttl: 0, leaf: 0 }]);
  });

  it('is by VMID and IPA in stage 2', () => {
    const [command] = [...tlbOfRange(range({ stage: 2, id: 7 }))].map(operands);
    expect(command).toMatchObject({ opcode: 0x2a, vmid: 7, asid: 0, address: 0x4000_0000n });
    const pages = [...tlbOfPages(range({ stage: 2, id: 7, bytes: 0x3000n }))].map(operands);
    expect(pages.map(({ opcode, vmid, address, tg }) => [opcode, vmid, address, tg])).toEqual([
      [0x2a, 7, 0x4000_0000n, 0],
      [0x2a, 7, 0x4000_1000n, 0],
      [0x2a, 7, 0x4000_2000n, 0],
    ]);
  });
});
