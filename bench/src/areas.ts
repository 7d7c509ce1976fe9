/* oxlint-disable no-restricted-imports -- core keeps the areas of an IOAS to itself, and what they cost is a goal. */
import { ownTime } from './clock.js';
import { AreaTree } from '../../packages/core/dist/io-pagetable/area-tree.js';
import type { Area } from '../../packages/core/dist/io-pagetable/area.js';
import { AutomaticIova } from '../../packages/core/dist/io-pagetable/automatic-iova.js';
import type { Figures } from './rounds.js';

/* The areas of an IOAS, which core keeps to itself: one page each and one page apart, but for every thousandth, which is missing. */

const STRIDE = 2;
const FIRST = 0x10_0000;
/** Pages of an automatic IOVA: more than the hole between two areas, as many as a missing one leaves. */
const WANTED = 3;
const QUERIES = 20_000;

/** What the tree looks at of an area. */
const areaAt = (page: number): Area =>
  ({ startPage: page, startByte: 0, lastPage: page, lastByte: 4095 }) as unknown as Area;

/** Costs of `count` areas, ns per operation. */
export function measureAreas(count: number): Figures {
  const areas = Array.from({ length: count }, (_, index) => areaAt(FIRST + index * STRIDE));
  const tree = new AreaTree();
  const insert = time(count, () => {
    for (const area of areas) tree.insert(area);
  });
  let state = 12345;
  const draw = (): number => {
    state = (Math.imul(state, 0x19660d) + 0x3c6ef35f) | 0;
    return state >>> 0;
  };
  const pages = Float64Array.from({ length: QUERIES }, () => FIRST + (draw() % count) * STRIDE);
  let found = 0;
  const find = time(QUERIES, () => {
    for (const page of pages) if (tree.firstIn(page, 0, page, 4095) !== null) found++;
  });
  if (found !== QUERIES) throw new Error(`${found} areas found`);
  for (let index = 500; index < count; index += 1000) tree.remove(areas[index]!);
  const automatic = new AutomaticIova(tree, 4096, 4096);
  const taken: Area[] = [];
  const automaticIova = time(QUERIES, () => {
    for (let query = 0; query < QUERIES; query++) {
      if (automatic.find(0x1000, WANTED - 1, 4095, 4096) !== null) throw new Error('no room');
      // Takes every tenth place, so that the first room is not always the same.
      if (query % 10 !== 0) continue;
      const area = { ...areaAt(automatic.page), lastPage: automatic.page + WANTED - 1 } as unknown as Area;
      tree.insert(area);
      taken.push(area);
    }
  });
  const remove = time(taken.length, () => {
    for (const area of taken) tree.remove(area);
  });
  return { area_insert: insert, area_find: find, automatic_iova: automaticIova, area_remove: remove };
}

/**
 * Random maps and unmaps of a small IOAS, each automatic IOVA compared with a naive first fit.
 * @returns places compared
 */
export function checkAutomaticIova(operations: number): number {
  const tree = new AreaTree();
  const automatic = new AutomaticIova(tree, 4096, 4096);
  automatic.allow([{ start: 0x1000n, last: 0x3f_ffffn }]);
  const held: Area[] = [];
  let state = 99;
  const draw = (below: number): number => {
    state = (Math.imul(state, 0x19660d) + 0x3c6ef35f) | 0;
    return (state >>> 8) % below;
  };
  let compared = 0;
  for (let operation = 0; operation < operations; operation++) {
    if (held.length > 0 && draw(2) === 0) {
      tree.remove(held.splice(draw(held.length), 1)[0]!);
      continue;
    }
    const pages = 1 + draw(8);
    const refusal = automatic.find(0x1000, pages - 1, 4095, 4096);
    const expected = firstFit(held, pages);
    if ((refusal === null ? automatic.page : -1) !== expected) throw new Error(`first fit is page ${expected}`);
    compared++;
    if (refusal !== null) continue;
    const area = { ...areaAt(expected), lastPage: expected + pages - 1 } as unknown as Area;
    tree.insert(area);
    held.push(area);
  }
  return compared;
}

/** The first of pages 1 to 0x3ff with room, looked for page by page; -1: there is none. */
function firstFit(held: readonly Area[], pages: number): number {
  const used = new Set<number>();
  for (const { startPage, lastPage } of held) for (let page = startPage; page <= lastPage; page++) used.add(page);
  for (let page = 1; page + pages - 1 <= 0x3ff; page++) {
    let free = 0;
    while (free < pages && !used.has(page + free)) free++;
    if (free === pages) return page;
  }
  return -1;
}

function time(operations: number, body: () => void): number {
  return ownTime(body) / operations;
}
