import type { DifferenceEffect, DifferenceRow } from './difference-row.js';
import { differenceTable } from './difference-table.js';

/** What one personality answered: `undefined` is success, otherwise the code of the refusal. */
export type OutcomeCode = string | undefined;

/** A request that the two personalities answered differently. */
export interface ObservedDifference {
  readonly request: number;
  /** For requests that take a number (CHECK_EXTENSION, SET_IOMMU): the number. */
  readonly number?: bigint | undefined;
  readonly effect: DifferenceEffect;
  readonly type1: OutcomeCode;
  readonly iommufd: OutcomeCode;
}

const namesCode = (codes: readonly string[], code: OutcomeCode): boolean => code !== undefined && codes.includes(code);

/** How much of the difference the row names: its codes, then the request itself. */
function fitness({ requests, type1Codes, iommufdCodes }: DifferenceRow, observed: ObservedDifference): number {
  const codes = (namesCode(type1Codes, observed.type1) ? 2 : 0) + (namesCode(iommufdCodes, observed.iommufd) ? 2 : 0);
  return codes + (requests.includes(observed.request) ? 1 : 0);
}

function refuses(
  { refuser, type1Codes, iommufdCodes }: DifferenceRow,
  { type1, iommufd }: ObservedDifference,
): boolean {
  const byType1 = namesCode(type1Codes, type1);
  const byIommufd = namesCode(iommufdCodes, iommufd);
  if (refuser === 'type1') return byType1;
  if (refuser === 'both') return (byType1 || byIommufd) && type1 !== undefined && iommufd !== undefined;
  return byType1 || byIommufd;
}

function fits(row: DifferenceRow, observed: ObservedDifference): boolean {
  const { request, number, effect } = observed;
  if (!row.shows.includes(effect)) return false;
  if (row.requests.length > 0 && !row.requests.includes(request)) return false;
  if (row.numbers.length > 0 && number !== undefined && !row.numbers.some((it) => BigInt(it) === number)) return false;
  return effect !== 'refusal' || refuses(row, observed);
}

/** The rows that explain why the two personalities answered a request differently: those that name the most of it. */
export function explainDifference(observed: ObservedDifference): readonly DifferenceRow[] {
  const fitting = differenceTable.filter((row) => fits(row, observed));
  const best = Math.max(0, ...fitting.map((row) => fitness(row, observed)));
  return fitting.filter((row) => fitness(row, observed) === best);
}

/** The rows in which a refusal code of either personality shows. */
export const differenceRowsOf = (code: string): readonly DifferenceRow[] =>
  differenceTable.filter(
    ({ type1Codes, iommufdCodes }) => namesCode(type1Codes, code) || namesCode(iommufdCodes, code),
  );
