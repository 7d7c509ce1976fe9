import { describe, expect, it } from 'vitest';
import { FakeDomain } from './fake-domain.js';
import { codeOf, testTables, value, type TestTables } from './fixture.js';

const PAGE = 4096n;

const counters = ({ space }: TestTables): number[] => [space.user.lockedPages, space.lockedPages, space.pinnedPages];

function attached(world: TestTables) {
  const table = world.table();
  value(table.addDomain(new FakeDomain()));
  return table;
}

describe('accounting of pinned pages', () => {
  it.each([
    ['user', [], 'user' as const, [3, 0, 3]],
    ['process', [], 'mm' as const, [0, 3, 3]],
    ['nobody with CAP_IPC_LOCK', ['ipc_lock' as const], 'user' as const, [0, 0, 3]],
    ['nobody with CAP_IPC_LOCK, also in process mode', ['ipc_lock' as const], 'mm' as const, [0, 0, 3]],
  ])('charges the %s', (_name, capabilities, accountMode, expected) => {
    const world = testTables({ capabilities });
    const table = attached(world);
    value(world.map(table, { length: 2n * PAGE + 0x800n, iova: 0x4000n, accountMode }));
    expect(counters(world)).toEqual(expected);
    value(table.unmapAll());
    expect(counters(world)).toEqual([0, 0, 0]);
  });

  it.each(['user', 'mm'] as const)('stops at RLIMIT_MEMLOCK in mode %s and undoes the pins', (accountMode) => {
    const world = testTables({ memlock: 4n * PAGE + 100n });
    const table = attached(world);
    value(world.map(table, { length: 3n * PAGE, iova: 0x4000n, accountMode }));
    expect(world.map(table, { length: 2n * PAGE, iova: 0x8000n, accountMode })).toMatchObject({
      left: { code: 'MEMLOCK_EXCEEDED', errno: 'ENOMEM', facts: { wantedPages: 2, lockedPages: 3, limitPages: 4 } },
    });
    expect([table.areaCount, world.space.pages.pinCount]).toEqual([1, 3]);
    value(world.map(table, { length: PAGE, iova: 0x8000n, accountMode }));
    expect(codeOf(world.map(table, { length: PAGE, iova: 0xc000n, accountMode }))).toBe('MEMLOCK_EXCEEDED');
  });

  it('has no limit without a domain, and the limit meets the domain', () => {
    const world = testTables({ memlock: 2n * PAGE });
    const table = world.table();
    value(world.map(table, { length: 3n * PAGE, iova: 0x4000n }));
    expect(counters(world)).toEqual([0, 0, 0]);
    expect(codeOf(table.addDomain(new FakeDomain()))).toBe('MEMLOCK_EXCEEDED');
    expect([...counters(world), world.space.pages.pinCount]).toEqual([0, 0, 0, 0]);
  });

  it('counts two maps of the same memory twice and a copy once', () => {
    const world = testTables();
    const table = attached(world);
    value(world.map(table, { length: PAGE, iova: 0x4000n }));
    value(world.map(table, { length: PAGE, iova: 0x8000n }));
    value(table.mapSlices(value(table.slices(0x4000n, PAGE)), PAGE, 0xc000n, 1));
    expect(counters(world)).toEqual([2, 0, 2]);
  });

  it('keeps the mode of the first call for the life of the pages', () => {
    const world = testTables();
    const table = attached(world);
    value(world.map(table, { length: PAGE, iova: 0x4000n, accountMode: 'mm' }));
    world.process.credentials.capabilities.add('ipc_lock');
    value(table.unmapAll());
    expect(counters(world)).toEqual([0, 0, 0]);
  });

  it('refuses when the memory budget is used up, leaving it as it was', () => {
    const world = testTables({ budget: 192 * 5 });
    const table = world.table();
    value(world.map(table, { length: PAGE, iova: 0x4000n }));
    value(world.map(table, { length: PAGE, iova: 0x5000n }));
    expect(codeOf(world.map(table, { length: PAGE, iova: 0x6000n }))).toBe('IOPT_OUT_OF_MEMORY');
    expect(world.budget.used).toBe(192 * 4);
    const slices = value(table.slices(0x4000n, 2n * PAGE));
    expect(codeOf(table.mapSlices(slices, 2n * PAGE, 0x8000n, 1))).toBe('IOPT_OUT_OF_MEMORY');
    expect(world.budget.used).toBe(192 * 4);
  });
});
