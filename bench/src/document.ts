import { cpus } from 'node:os';
import type { EndToEndFigure } from './end-to-end.js';
import type { Growth } from './growth.js';
import { table } from './markdown.js';
import { REASONS, TRIED } from './remarks.js';
import { valueText, type Verdict } from './verdicts.js';

/** A row for every goal that a unit misses: how close the units come, and why no closer. */
function missed(judged: readonly Verdict[]): string[] {
  const ids = [...new Set(judged.filter(({ met }) => !met).map(({ id }) => id))];
  if (ids.length === 0) return [];
  const rows = ids.map((id) => {
    const misses = judged.filter((verdict) => verdict.id === id && !verdict.met);
    const values = misses.toSorted((one, other) => (one.value ?? 0) - (other.value ?? 0)).map(valueText);
    const range = new Set([values[0] ?? '', values.at(-1) ?? '']);
    const goals = new Set(misses.map(({ goal }) => goal));
    return [id, [...range].join(' to '), [...goals].join(', '), REASONS[id] ?? ''];
  });
  return ['## Missed, and why', '', ...table(['', 'units that miss it', 'goal', 'why no closer'], rows), ''];
}

/** docs/performance.md: figures of this run and how they came about. */
export function performanceDocument(
  judged: readonly Verdict[],
  rounds: number,
  figures: readonly EndToEndFigure[],
  growth: Growth,
  missing: string,
): string {
  const version = process.versions.node.split('.')[0];
  return [
    '# Performance',
    '',
    '<!-- Written by `pnpm bench --docs`; edit bench/src/document.ts instead. -->',
    '',
    `Measured on ${cpus().length} cores of a shared ${process.arch} machine with Node ${version}, ${rounds} rounds. Ratios are to`,
    '`bench/native/radix.c`, a minimal radix table in straight-line C without permissions or formats: a limit, not a peer. It is compiled',
    'with `cc -O2` and runs in every round just before our workloads, so that both see the same minute of the machine; a ratio is the median',
    "of the rounds' ratios. All formats and units are loaded and warm before the first round that counts. Spread is the largest distance",
    'of a round from the median. Check sums show that both sides did the same work. P6 and P7 ask the unit as its driver set it up, with an',
    "IOTLB as large as the comparator's: VT-d as its default preset, its first stage as a bare program sets it up on the preset `full`, SMMUv3 as",
    'the preset `server`, AMD v1 as the default preset with 64 cached device table entries and 256 page directories, AMD v2 as the preset',
    '`zen-server`. Absolute figures count time on the processor, ratios of',
    'tables wall time on both sides. The comparator has pages of 4 KiB: `smmu-s1-64k` does the same number of pages of 64 KiB.',
    ...(missing === '' ? [] : ['', missing]),
    '',
    '![Cost in times the goal](performance.svg)',
    '',
    '## Goals',
    '',
    ...table(
      ['', 'workload', 'unit', 'value', 'goal', '', 'ns, ours / native', 'spread'],
      judged.map((verdict) => {
        const { id, title, unit, goal, met, ours, native, measure } = verdict;
        const ns = measure === 'ratio' ? `${ours.toFixed(2)} / ${native === null ? '-' : native.toFixed(2)}` : '';
        const spread = `${(verdict.spread * 100).toFixed(0)}%`;
        return [id, title, unit, valueText(verdict), String(goal), met ? 'met' : 'missed', ns, spread];
      }),
    ),
    '',
    '## End to end',
    '',
    ...table(
      ['', 'backend', ''],
      figures.map(({ what, unit, text }) => [what, unit, text]),
    ),
    '',
    '## How costs grow',
    '',
    "ns per operation at that many pages or areas; the last column compares the last with the first. Pages beyond the processor's caches",
    `cost more; nothing grows with the number itself. ${growth.compared} automatic IOVAs were compared with a naive first fit.`,
    '',
    ...table(
      ['', ...growth.sizes.map((size) => size.toLocaleString('en')), 'growth'],
      growth.rows.map(({ what, ns, growth: times }) => [
        what,
        ...ns.map((each) => each.toFixed(1)),
        `${times.toFixed(1)}x`,
      ]),
    ),
    '',
    '## Reading the figures',
    '',
    'A page mapped, walked or unmapped costs between 60 and 200 machine instructions here and 10 to 35 in C: V8 checks the bounds of every word',
    'of a table, keeps 64-bit entries as two words, and tests what C takes for granted. A miss is a look-up that fails, a paging-structure',
    'cache, a table entry, a replacement and the counters, which the comparator does not have; it leaves no room for the processor to overlap one',
    'miss with the next. What slowed such code down, and is avoided: a case more in a function that V8 inlines (twice the time of a walk),',
    'constants imported from another module (ten instructions at each use), class fields without an initial value of their class, booleans in',
    'fields, and objects on the way to the words.',
    '',
    ...missed(judged),
    ...TRIED,
    '',
  ].join('\n');
}
