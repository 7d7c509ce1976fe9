import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { IoPageTable } from '../../src/index.js';
import { FakeDomain } from './fake-domain.js';
import { NthFailure, READ_ONLY, testTables } from './fixture.js';

const PAGE = 4096n;

/** Goes through most calls; stops at the first refusal. */
function run(nth: number): { readonly refused: boolean; readonly points: number } {
  const off = new NthFailure(-1);
  let source: NthFailure = off;
  const failure = { fails: (kind: string) => source.fails(kind) };
  const world = testTables({ touch: [4, 1, 3, 0, 2], failure });
  const { map, space, budget } = world;
  const options = { pageSize: 4096, hugePageSize: 0x20_0000, budget, failure, tempMemory: { limit: 24 } };
  const [first, second] = [new IoPageTable(options), new IoPageTable(options)];
  const domains = [
    new FakeDomain(),
    new FakeDomain({ aperture: { start: 0x1000n, last: 0xff_ffffn } }),
    new FakeDomain(),
  ] as const;
  const held: bigint[] = [];
  const access = {
    pinsPages: true,
    unmap: (): void => {
      for (const iova of held.splice(0)) first.unpinAccess(iova, 3n * PAGE);
    },
  };
  source = new NthFailure(nth);
  const steps = [
    () => map(first, { length: 6n * PAGE, iova: 0x4000n }),
    () => first.addDomain(domains[0]),
    () => map(first, { offset: 6n * PAGE, length: 4n * PAGE }),
    () => first.addDomain(domains[1]),
    () => map(first, { offset: 0x800n, length: 4n * PAGE, iova: 0x2_0800n }),
    () => second.addDomain(domains[2]),
    () => first.unmap(0x2_0800n, 4n * PAGE),
    () => first.addAccess(access),
    () => {
      const pinned = first.pinAccess(access, 0x5000n, 3n * PAGE, true);
      if (!isLeft(pinned)) held.push(0x5000n);
      return pinned;
    },
    () => first.readWrite(0x4100n, new Uint8Array(0x1800), true, null),
    () => {
      const slices = first.slices(0x5800n, 2n * PAGE);
      return isLeft(slices) ? slices : second.mapSlices(slices.right, 2n * PAGE, 0x8000n, READ_ONLY);
    },
    () => first.reserve(0x90_0000n, 0x90_ffffn, null),
    () => first.setAllowed([{ start: 0x80_0000n, last: 0x80_ffffn }]),
    () => second.disableLargePages(),
  ];
  let refused = false;
  for (const step of steps) {
    const before = [first.areaCount, second.areaCount, space.pages.pinCount, budget.used, first.domains.length];
    const result = step();
    if (!isLeft(result)) continue;
    if (source.failed !== '') {
      refused = true;
      // A refused call has changed nothing.
      expect([first.areaCount, second.areaCount, space.pages.pinCount, budget.used, first.domains.length]).toEqual(
        before,
      );
      break;
    }
    expect(result.left.code).toBe('LARGE_PAGES_IN_USE');
  }
  expect([...first.checkInvariants(), ...second.checkInvariants()]).toEqual([]);
  const points = source.count;
  source = off;
  for (const table of [first, second]) {
    table.unmapAll();
    for (const domain of table.domains) table.removeDomain(domain);
    table.destroy();
  }
  expect([space.pages.pinCount, space.user.lockedPages, space.pinnedPages, budget.used]).toEqual([0, 0, 0, 0]);
  expect(domains.flatMap(({ violations, pages }) => [...violations, ...pages.keys()])).toEqual([]);
  return { refused, points };
}

describe('failure points', () => {
  it('every one leaves no pin, no charge, no mapping, and a refused call changes nothing', () => {
    const { points, refused } = run(0);
    expect([points > 50, refused]).toEqual([true, false]);
    for (let nth = 1; nth <= points; nth++) expect([nth, run(nth).refused]).toEqual([nth, true]);
  });
});
