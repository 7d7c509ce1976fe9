import { describe, expect, it } from 'vitest';
import {
  differenceRowsOf,
  differenceTable,
  explainDifference,
  type1Refusals,
  vfioRefusals,
  type ObservedDifference,
} from '../../src/index.js';

describe('difference table', () => {
  it('has rows 1 to 42 and 6b, each once', () => {
    const expected = [...Array.from({ length: 42 }, (_, at) => String(at + 1)), '6b'];
    expect(differenceTable.map(({ id }) => id as string).toSorted()).toEqual(expected.toSorted());
  });

  it('names only codes that a table declares', () => {
    const known = new Set([...Object.keys(vfioRefusals.rules), ...Object.keys(type1Refusals.rules)]);
    expect(differenceTable.flatMap(({ type1Codes }) => type1Codes).filter((code) => !known.has(code))).toEqual([]);
  });

  const explained = (observed: ObservedDifference): string[] => explainDifference(observed).map(({ id }) => id);
  const refusal = (request: number, type1: string | undefined, iommufd: string | undefined): string[] =>
    explained({ request, effect: 'refusal', type1, iommufd });

  it('finds the row by both codes first', () => {
    expect(refusal(0x3b66, 'TYPE1_NO_GROUP', 'COMPAT_IOAS_MISSING')).toEqual(['5']);
    expect(refusal(0x3b72, 'TYPE1_UNMAP_BISECTS', 'UNMAP_CUTS_AREA')).toEqual(['22']);
  });

  it('finds a refusal only by a code that a row names', () => {
    expect(refusal(0x3b71, 'TYPE1_MAP_NO_ACCESS', undefined)).toEqual(['17']);
    expect(refusal(0x3b71, 'SOMETHING_ELSE', undefined)).toEqual([]);
  });

  it('finds rows by the request when both succeed', () => {
    const answers = { effect: 'answer', type1: undefined, iommufd: undefined } as const;
    expect(explained({ request: 0x3b72, ...answers })).toEqual(['23', '24', '42']);
    expect(explained({ request: 0x1234, ...answers })).toEqual([]);
  });

  it('tells extensions apart', () => {
    const values = { request: 0x3b65, effect: 'value', type1: undefined, iommufd: undefined } as const;
    expect(explained({ ...values, number: 6n })).toEqual(['10']);
    expect(explained({ ...values, number: 1n })).toEqual([]);
  });

  it('lists the rows of a code', () => {
    expect(differenceRowsOf('TYPE1_MAP_LIMIT').map(({ id }) => id)).toEqual(['16']);
  });
});
