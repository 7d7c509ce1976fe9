import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blockOf,
  contextGlobal,
  contextOfDevice,
  iotlbGlobal,
  iotlbOfDomain,
  iotlbOfPages,
  pasidCacheGlobal,
  pasidCacheOf,
  pasidIotlbOf,
  pasidIotlbOfPages,
} from '../../src/driver/invalidations.js';

const drain = { DW: true, DR: true };
const words = (descriptor: bigint): [string, string] => [
  `0x${BigInt.asUintN(64, descriptor).toString(16)}`,
  `0x${(descriptor >> 64n).toString(16)}`,
];

describe('descriptors', () => {
  it.each([
    // As Linux 6.12 queued them (fixtures/README.md, linux-tables; scalable mode: its notes).
    ['context cache, all', contextGlobal(), ['0x11', '0x0']],
    ['IOTLB, all', iotlbGlobal(drain), ['0xd2', '0x0']],
    ['context cache, a device', contextOfDevice(8, 0x38), ['0x3800080031', '0x0']],
    ['IOTLB, a domain', iotlbOfDomain(8, drain), ['0x800e2', '0x0']],
    ['IOTLB, 512 pages', iotlbOfPages(8, blockOf(0x3100_0000n, 0x311f_ffffn), true, drain), ['0x800f2', '0x31000049']],
    ['IOTLB, 8 pages', iotlbOfPages(8, blockOf(0x3000_0000n, 0x3000_7fffn), true, drain), ['0x800f2', '0x30000043']],
    ['PASID cache, all', pasidCacheGlobal(), ['0x37', '0x0']],
    ['PASID cache, a PASID', pasidCacheOf(1, 0), ['0x10017', '0x0']],
    ['PASID IOTLB, a PASID', pasidIotlbOf(1, 0), ['0x10026', '0x0']],
    // VT-d 6.5.2.4.
    ['PASID IOTLB, pages', pasidIotlbOfPages(3, 5, blockOf(0x4000n, 0x5fffn), false), ['0x500030036', '0x4001']],
  ] as const)('%s', (_, descriptor, golden) => {
    expect(words(descriptor)).toEqual(golden);
  });

  it('do not drain where the unit cannot', () => {
    expect(words(iotlbOfDomain(2, { DW: false, DR: false }))).toEqual(['0x20022', '0x0']);
  });

  it("name every block that Linux's commands named", () => {
    const path = new URL('../../../../fixtures/linux-tables/vtd-linux-6.12-aw39.json.gz', import.meta.url);
    const { commands_since_boot: commands } = JSON.parse(gunzipSync(readFileSync(path)).toString()) as {
      commands_since_boot: [string, string][];
    };
    const selective = commands.filter(([low]) => (BigInt(low) & 0x3fn) === 0x32n);
    expect(selective.length).toBeGreaterThan(1000);
    for (const [low, high] of selective) {
      const mask = BigInt(high) & 0x3fn;
      const start = BigInt(high) & ~0xfffn;
      const block = blockOf(start, start + (0x1000n << mask) - 1n);
      expect(words(iotlbOfPages(Number((BigInt(low) >> 16n) & 0xffffn), block, true, drain))).toEqual([low, high]);
    }
  });
});

/** How Linux comes to the mask: round the count up, and widen when the start is not aligned to that. */
function linuxMask(firstPage: bigint, pages: bigint): number {
  let mask = 0;
  while (1n << BigInt(mask) < pages) mask++;
  if ((firstPage & ((1n << BigInt(mask)) - 1n)) === 0n) return mask;
  const last = firstPage + pages - 1n;
  while (mask < 52 && firstPage >> BigInt(mask) !== last >> BigInt(mask)) mask++;
  return mask;
}

describe('the block of a range', () => {
  it('holds the range, is aligned, is as small as can be, and is what Linux rounds to', () => {
    const page = fc.oneof(fc.bigInt({ min: 0n, max: (1n << 45n) - 1n }), fc.bigInt({ min: 0n, max: 70n }));
    const count = fc.oneof(fc.bigInt({ min: 1n, max: 1n << 20n }), fc.bigInt({ min: 1n, max: 9n }));
    fc.assert(
      fc.property(page, count, (first, pages) => {
        const { address, mask } = blockOf(first << 12n, ((first + pages) << 12n) - 1n);
        const size = 0x1000n << BigInt(mask);
        expect(address % size).toBe(0n);
        expect(address <= first << 12n && (first + pages) << 12n <= address + size).toBe(true);
        expect(mask).toBe(linuxMask(first, pages));
      }),
      { numRuns: 500 },
    );
  });

  it('is everything for a range that crosses the middle of the address space', () => {
    expect(blockOf(0x7fff_ffff_ffff_f000n, 0x8000_0000_0000_0fffn).mask).toBeGreaterThan(51);
  });
});
