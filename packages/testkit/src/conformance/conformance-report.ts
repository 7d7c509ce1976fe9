import type { BackendDefinition, FidelityFeature } from '@ioasis/core';
import { conformanceCases } from './backend-conformance.js';

/** How one case went. */
export interface ConformanceResult {
  readonly area: string;
  readonly name: string;
  readonly gap: string | undefined;
  /** Why the case failed; undefined: it passed. */
  readonly error: string | undefined;
}

/** A whole run. */
export interface ConformanceReport {
  readonly backend: string;
  readonly results: readonly ConformanceResult[];
  /** What of the real unit the backend says is not modelled, or in part (`BackendDefinition.fidelity`). */
  readonly unmodelled: readonly FidelityFeature[];
}

/** Runs the suite without a test runner. */
export function runConformance(definition: BackendDefinition): ConformanceReport {
  const results = conformanceCases(definition).map(({ area, name, gap, run }) => {
    let error: string | undefined;
    try {
      run();
    } catch (thrown) {
      error = String(thrown);
    }
    return { area, name, gap, error };
  });
  const unmodelled = (definition.fidelity ?? []).filter(({ state }) => state !== 'modelled');
  return { backend: definition.id, results, unmodelled };
}

/** A report as text: what failed and why, what the backend lacks by its own account, and how many cases passed in each area. */
export function conformanceLines({ backend, results, unmodelled }: ConformanceReport): string {
  const failed = results.filter(({ error }) => error !== undefined);
  const gaps = new Set(results.flatMap(({ gap }) => gap ?? []));
  const lines = [`${backend}: ${results.length - failed.length} of ${results.length} cases pass`];
  for (const area of new Set(results.map((result) => result.area))) {
    const own = results.filter((result) => result.area === area);
    lines.push(`  ${area}: ${own.filter(({ error }) => error === undefined).length} of ${own.length}`);
  }
  if (gaps.size > 0) lines.push('declared gaps:', ...[...gaps].map((gap) => `  ${gap}`));
  if (unmodelled.length > 0) lines.push('not modelled, or in part:');
  for (const { level, feature, state, note } of unmodelled) {
    lines.push(`  level ${level}, ${state}: ${feature}${note === undefined ? '' : ` (${note})`}`);
  }
  if (failed.length > 0) lines.push('failed:');
  for (const { area, name, error } of failed) lines.push(`  ${area}: ${name}`, `    ${error}`);
  return `${lines.join('\n')}\n`;
}
