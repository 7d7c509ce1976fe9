import type { FidelityFeature } from '@ioasis/core';

/** The ladder of one configuration of a backend. */
export interface FidelityLadder {
  /** Heading: which backend, in which configuration. */
  readonly title: string;
  /** `BackendDefinition.fidelity`; undefined: the backend claims nothing. */
  readonly features: readonly FidelityFeature[] | undefined;
}

const LEVELS: readonly (readonly [level: FidelityFeature['level'], what: string])[] = [
  [1, 'what every driver needs'],
  [2, 'caches, faults and errors'],
  [3, 'what larger units have'],
  [4, 'what only hardware shows'],
];

/** Text as a cell of a table. */
const cell = (text: string): string => text.replaceAll('|', '\\|');

function ladderLines({ title, features }: FidelityLadder): string[] {
  const lines = [`## ${title}`, ''];
  if (features === undefined || features.length === 0) return [...lines, 'This backend claims nothing.', ''];
  for (const [level, what] of LEVELS) {
    const own = features.filter((feature) => feature.level === level);
    if (own.length === 0) continue;
    lines.push(`### Level ${level}: ${what}`, '', '| feature | state | note |', '|---|---|---|');
    for (const { feature, state, note } of own) lines.push(`| ${cell(feature)} | ${state} | ${cell(note ?? '')} |`);
    lines.push('');
  }
  return lines;
}

/** Fidelity ladders as Markdown, a section for each; no heading of the whole. */
export const renderFidelity = (ladders: readonly FidelityLadder[]): string => ladders.flatMap(ladderLines).join('\n');
