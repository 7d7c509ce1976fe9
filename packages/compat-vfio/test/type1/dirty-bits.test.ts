import { describe, expect, it } from 'vitest';
import type { AddressSpace } from '@ioasis/core';
import { bitmapBytes, bitmapSizeValid, BITMAP_BYTES_MAX, DirtyBits } from '../../src/type1/dirty-bits.js';

/** A program's memory of 64 bytes from address 0. */
function memory(): { readonly space: AddressSpace; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(64);
  const space = {
    copyIn: (addr: bigint, into: Uint8Array) => {
      into.set(bytes.subarray(Number(addr), Number(addr) + into.length));
      return into.length;
    },
    copyOut: (addr: bigint, from: Uint8Array) => {
      bytes.set(from, Number(addr));
      return from.length;
    },
  };
  return { space: space as unknown as AddressSpace, bytes };
}

describe('DirtyBits', () => {
  it('writes whole words: 8 pages are 8 bytes', () => {
    const { space, bytes } = memory();
    bytes.fill(0xee);
    const bits = new DirtyBits(8);
    bits.setAll();
    expect(bits.copyOut(space, 0n, 0)).toBe(true);
    expect([...bytes.subarray(0, 9)]).toEqual([0xff, 0, 0, 0, 0, 0, 0, 0, 0xee]);
  });

  it('keeps what the program had in the first word before the mapping', () => {
    const { space, bytes } = memory();
    bytes[0] = 0xff;
    const bits = new DirtyBits(8);
    bits.setAll();
    bits.copyOut(space, 0n, 1);
    expect([...bytes.subarray(0, 2)]).toEqual([0xff, 0x01]);
  });

  it('hands a bit that was shifted behind the last page out with the next bitmap, as the recording shows', () => {
    // device/type1-vtd-aw39, dev/group/type1v2, seq 761 to 766: GET from one page before the mapping, then unmap with a bitmap.
    const { space, bytes } = memory();
    const bits = new DirtyBits(8);
    bits.setAll();
    bits.copyOut(space, 0n, 1);
    bits.clearPages();
    bytes.fill(0);
    bits.setAll();
    bits.copyOut(space, 0n, 0);
    expect([...bytes.subarray(0, 2)]).toEqual([0xff, 0x01]);
  });

  it('says no when the bitmap cannot be read or written', () => {
    const nowhere = { copyIn: () => 0, copyOut: () => 0 } as unknown as AddressSpace;
    expect(new DirtyBits(8).copyOut(nowhere, 0n, 0)).toBe(false);
    expect(new DirtyBits(8).copyOut(nowhere, 0n, 1)).toBe(false);
  });

  it('carries bits from word to word', () => {
    const { space, bytes } = memory();
    const bits = new DirtyBits(100);
    bits.setAll();
    bits.copyOut(space, 0n, 66);
    // Bits 66 to 165: words 1 and 2 of the program's bitmap.
    const set = [...bytes].flatMap((byte, at) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte & (1 << bit)).map((bit) => 8 * at + bit),
    );
    expect(set).toEqual(Array.from({ length: 100 }, (_, at) => 66 + at));
  });
});

describe('size of a bitmap', () => {
  it('is one bit a page in whole words, at most 256 MiB', () => {
    expect(bitmapBytes(1n)).toBe(8n);
    expect(bitmapBytes(65n)).toBe(16n);
    expect(BITMAP_BYTES_MAX).toBe(0x1000_0000n);
    expect(bitmapSizeValid(8n, 1n)).toBe(false);
    expect(bitmapSizeValid(8n, 8n)).toBe(true);
    expect(bitmapSizeValid(0n, 8n)).toBe(false);
    expect(bitmapSizeValid(8n, BITMAP_BYTES_MAX + 8n)).toBe(false);
  });
});
