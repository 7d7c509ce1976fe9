import type { Answer, Expectation, Scenario } from './format.js';

/** What of an entry counts. */
export interface Comparison {
  /** The answers that are accepted; one of them must agree. */
  readonly accepted: readonly Answer[];
  /** Outcome fields that are not looked at. */
  readonly ignored: readonly string[];
}

const REFUSED: Answer = { refused: true };

/** Outcome that stands for "not allowed through", whatever the reason. */
export const isRefusal = (accepted: Answer): boolean => accepted === REFUSED;

function inSettled(entry: Expectation): Comparison | undefined {
  if (entry.compare === 'strict') return { accepted: [entry], ignored: [] };
  return entry.compare === 'blocked' ? { accepted: [REFUSED], ignored: [] } : undefined;
}

/** VT-d and AMD: accesses only, and no fault registers once an access may have been answered by a cache. */
function inCachedX86(entry: Expectation, isAccess: boolean, cacheSeen: boolean): Comparison | undefined {
  if (!isAccess) return undefined;
  if (entry.compare === 'strict') return { accepted: [entry], ignored: cacheSeen ? ['data', 'registers'] : ['data'] };
  return entry.compare === 'blocked' ? { accepted: [REFUSED], ignored: [] } : undefined;
}

function inCachedSmmu(entry: Expectation, caches: boolean): Comparison | undefined {
  const { compare, fresh } = entry;
  if (compare === 'cached' && caches) {
    return { accepted: fresh === undefined ? [entry] : [entry, fresh], ignored: ['data'] };
  }
  if (caches) return undefined;
  if (compare === 'strict') return { accepted: [entry], ignored: [] };
  return compare === 'cached' && fresh !== undefined ? { accepted: [fresh], ignored: [] } : undefined;
}

/**
 * The comparison rules of `iommu-scenario/1` (fixtures/README.md): by the class of the scenario, by whether our unit caches, and by the
 * entry's own rule.
 * @param index index into `expect`
 * @returns undefined when the entry may not be compared
 */
export function comparisonOf(scenario: Scenario, index: number, caches: boolean): Comparison | undefined {
  const entry = scenario.expect[index];
  if (entry === undefined || entry.compare === 'skip' || scenario.class === 'quirk') return undefined;
  if (scenario.class === 'settled') return inSettled(entry);
  if (scenario.unit === 'smmuv3') return inCachedSmmu(entry, caches);
  if (caches) return undefined;
  const isAccess = ({ step }: Expectation): boolean => scenario.steps[step]?.op === 'dma';
  const cacheSeen = scenario.expect
    .slice(0, index)
    .some((earlier) => isAccess(earlier) && earlier.compare !== 'strict');
  return inCachedX86(entry, isAccess(entry), cacheSeen);
}

/** Whether `final` counts. */
export const comparesFinal = (scenario: Scenario): boolean => scenario.class === 'settled';
