import { describe, expect, it } from 'vitest';
import {
  byteArray,
  structLayout,
  u16,
  u32,
  u64,
  type Bytes,
  type StructLayout,
  type U16,
  type U32,
  type U64,
} from '../../src/index.ts';

type Kinds = U32<'size'> & U16<'op'> & U64<'value'> & Bytes<'tail'>;
const layout: StructLayout<Kinds> = structLayout<Kinds>({
  name: 'sample',
  size: 24,
  minSize: 16,
  fields: { size: u32(0), op: u16(4), value: u64(8, 'inout'), tail: byteArray(20, 3) },
});

describe('structLayout', () => {
  it('decodes little-endian fields at their offsets', () => {
    const bytes = new Uint8Array([
      0x18, 0, 0, 0, 0x34, 0x12, 0, 0, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0xf1, 0, 0, 0, 0, 1, 2, 3, 0,
    ]);
    expect(layout.decode(bytes)).toEqual({
      size: 24,
      op: 0x1234,
      value: 0xf123456789abcdefn,
      tail: new Uint8Array([1, 2, 3]),
    });
  });

  it('reads a short structure as if zeroes followed', () => {
    expect(layout.decode(new Uint8Array([5]))).toMatchObject({ size: 5, op: 0, value: 0n });
  });

  it('encodes only the fields that are given', () => {
    expect([...layout.encode({ size: 24, value: 0x0102n })]).toEqual([
      24,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      1,
      ...Array<number>(14).fill(0),
    ]);
  });

  it('refuses a value that does not fit its field', () => {
    expect(() => layout.encode({ op: 0x1_0000 })).toThrow('sample.op');
    expect(() => layout.encode({ value: -1n })).toThrow('sample.value');
    expect(() => layout.encode({ tail: new Uint8Array(4) })).toThrow('sample.tail');
  });

  it('names the field of a byte', () => {
    expect([0, 5, 6, 15, 16, 22, 23].map((offset) => layout.fieldAt(offset))).toEqual([
      'size',
      'op',
      undefined,
      'value',
      undefined,
      'tail',
      undefined,
    ]);
  });

  it('refuses tables with overlaps, bad alignment or fields outside', () => {
    expect(() => structLayout<U32<'a' | 'b'>>({ name: 'bad', size: 8, fields: { a: u32(0), b: u32(0) } })).toThrow(
      'bad.b overlaps a',
    );
    expect(() => structLayout<U32<'a'>>({ name: 'bad', size: 8, fields: { a: u32(2) } })).toThrow(
      'bad.a is not aligned',
    );
    expect(() => structLayout<U64<'a'>>({ name: 'bad', size: 8, fields: { a: u64(8) } })).toThrow(
      'bad.a is not inside',
    );
  });
});
