import { describe, expect, it } from 'vitest';
import { differenceRowsOf, differenceTable, explainDifference } from '../src/difference-table.js';
import { vfioRefusals } from '../src/refusals.js';
import { type1Refusals } from '../src/type1/refusals.js';

describe('difference table', () => {
  it('has rows 1 to 42 and 6b, each once', () => {
    const expected = [...Array.from({ length: 42 }, (_, at) => String(at + 1)), '6b'];
    expect(differenceTable.map(({ id }) => id as string).toSorted()).toEqual(expected.toSorted());
  });

  it('names only codes that a table declares', () => {
    const known = new Set([...Object.keys(vfioRefusals.rules), ...Object.keys(type1Refusals.rules)]);
    expect(differenceTable.flatMap(({ type1Codes }) => type1Codes).filter((code) => !known.has(code))).toEqual([]);
  });

  it('finds the row by both codes first', () => {
    expect(explainDifference(0x3b66, 'TYPE1_NO_GROUP', 'COMPAT_IOAS_MISSING').map(({ id }) => id)).toEqual(['5']);
    expect(explainDifference(0x3b72, 'TYPE1_UNMAP_BISECTS', 'UNMAP_CUTS_AREA').map(({ id }) => id)).toEqual(['22']);
  });

  it('finds rows by the request when both succeed', () => {
    expect(explainDifference(0x3b72, undefined, undefined).map(({ id }) => id)).toContain('23');
    expect(explainDifference(0x1234, undefined, undefined)).toEqual([]);
  });

  it('lists the rows of a code', () => {
    expect(differenceRowsOf('TYPE1_MAP_LIMIT').map(({ id }) => id)).toEqual(['16']);
  });
});
