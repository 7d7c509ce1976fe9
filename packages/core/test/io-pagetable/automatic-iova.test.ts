import { describe, expect, it } from 'vitest';
import { U64_MAX } from '../../src/index.js';
import { FakeDomain } from './fake-domain.js';
import { codeOf, testTables, value } from './fixture.js';

const PAGE = 4096n;

describe('automatic IOVA', () => {
  it('never takes the first page', () => {
    const { table: make, map } = testTables();
    expect(value(map(make(), { length: PAGE }))).toBe(PAGE);
  });

  it('aligns to the length rounded up to a power of two, as far as the user address is aligned', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(map(table, { length: PAGE, iova: PAGE }));
    // BUFFER is aligned to 1 MiB; 3 pages want 4.
    expect(value(map(table, { length: 3n * PAGE }))).toBe(4n * PAGE);
    // The user address is aligned to 2 pages only.
    expect(value(map(table, { offset: 2n * PAGE, length: 4n * PAGE }))).toBe(8n * PAGE);
    // Lowest hole first.
    expect(value(map(table, { length: PAGE }))).toBe(2n * PAGE);
  });

  it('keeps the offset in the page', () => {
    const { table: make, map } = testTables();
    expect(value(map(make(), { offset: 0x800n, length: 0x800n }))).toBe(0x1800n);
  });

  it('does not align beyond a huge page', () => {
    const { table: make, map } = testTables({ pages: 8192 });
    const table = make();
    value(table.reserve(0n, 0x20_0fffn, null));
    // The buffer is at 1 MiB: its third MiB is aligned to 2 MiB and more.
    expect(value(map(table, { offset: 0x30_0000n, length: 0x100_0000n }))).toBe(0x40_0000n);
  });

  it('takes allowed ranges in ascending order, touching ones as one window', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(
      table.setAllowed([
        { start: 0x9000n, last: 0x9fffn },
        { start: 0x5000n, last: 0x5fffn },
        { start: 0xa000n, last: 0xbfffn },
      ]),
    );
    expect(value(map(table, { length: PAGE }))).toBe(0x5000n);
    expect(value(map(table, { offset: PAGE, length: 2n * PAGE }))).toBe(0x9000n);
    expect(value(map(table, { length: PAGE }))).toBe(0xb000n);
    expect(codeOf(map(table, { length: PAGE }))).toBe('IOVA_SPACE_EXHAUSTED');
    value(table.setAllowed([]));
    expect(value(map(table, { length: PAGE }))).toBe(PAGE);
  });

  it('refuses half of the address space and more', () => {
    const { table: make } = testTables();
    const { process } = testTables();
    const ask = (length: bigint) =>
      make().map({ process, userVa: 0n, length, iova: undefined, prot: 7, accountMode: 'user' });
    expect(codeOf(ask(U64_MAX / 2n))).toBe('AUTO_LENGTH_TOO_LARGE');
    expect(codeOf(ask(U64_MAX / 2n - 1n))).toBe('ok');
  });

  it('keeps clear of reserved ranges and stays in the aperture', () => {
    const { table: make, map } = testTables();
    const table = make();
    value(table.addDomain(new FakeDomain({ aperture: { start: 0x100_0000n, last: 0x100_2fffn } })));
    value(table.reserve(0x100_1000n, 0x100_17ffn, null));
    expect(value(map(table, { length: PAGE }))).toBe(0x100_0000n);
    expect(value(map(table, { length: PAGE }))).toBe(0x100_2000n);
    expect(value(map(table, { offset: 0x800n, length: 0x800n }))).toBe(0x100_1800n);
    expect(codeOf(map(table, { length: 0x800n }))).toBe('IOVA_SPACE_EXHAUSTED');
  });
});
