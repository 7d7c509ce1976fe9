import { cpus } from 'node:os';
import type { EndToEndFigure } from './end-to-end.js';
import type { Growth } from './growth.js';
import { valueText, type Verdict } from './verdicts.js';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  row(head),
  row(head.map(() => '---')),
  ...rows.map(row),
];

/** What was tried on page tables, measured by hand: kept and dropped. */
const TRIED: readonly string[] = [
  '',
  '## What was tried on the tables',
  '',
  'ns a page or walk, the lowest of many runs interleaved in one process; before, after.',
  '',
  '| kept | before | after |',
  '| --- | --- | --- |',
  '| walk: read all entries first, compare them together, through a DataView (V8 adds up where a typed array lies at each access) | 12.0 | 11.5 |',
  '| walk to 2 MiB: from the entry that the failed walk to 4 KiB has read | 23.0 | 18.2 |',
  '| walk, 64K granule: a short way with the places of indices in fields | 54 to 62 | 18 to 25 |',
  '| map and unmap a page, 64K granule: the same | 130 to 340 | 14.2, 11.8 |',
  '| map and unmap a page, 4K, no units in the process: one comparison of all links; page size by `<<`, as V8 keeps the result of `**` a double | 8.4, 7.1 to 8.2 | 7.9, 6.9 |',
  '',
  '| dropped | instead of | ns |',
  '| --- | --- | --- |',
  '| walk: compare together, but through the typed array | 12.0 | 13.0 |',
  '| walk: offsets made unsigned by `>>> 0`: V8 tests the sign instead of extending it | 11.5 | 11.6 |',
  '| walk: no words of the entry kept, or the high words of links not read | 15.0 | 14.8, 14.1 |',
  '| map a page: tables read through the typed array | 7.9 | 9.3 |',
  '| map a page: words written through a DataView, at which V8 forgets what it has checked | 7.9 | 8.4 |',
  '| dirty read and clear: through a DataView; four entries at once | 1.98 | 2.05, 2.04 |',
  '',
  'A walk is some 150 instructions, five of them in a cycle of the processor, against 30 in C: that is where P5 stops. V8 inlines functions',
  'of up to 460 bytes of bytecode; the straight way has 445; with 468 a walk took 16 ns, and with the short way of other shapes inlined P2 and P3 went from 3.5x and 3.1x to 5.3x and 5.2x. The same machine code takes 11.7 ns in some processes',
  'and 15.1 in others, depending on where V8 puts it.',
];

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
    "IOTLB as large as the comparator's: VT-d as its default preset, SMMUv3 as the preset `server`, AMD v1 as the default preset with 64 cached",
    'device table entries and 256 page directories, AMD v2 as the preset `zen-server`. Absolute figures count time on the processor, ratios of',
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
    ...TRIED,
    '',
  ].join('\n');
}
