import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chart } from './chart.js';
import { performanceDocument } from './document.js';
import { endToEnd } from './end-to-end.js';
import { measureGrowth } from './growth.js';
import { measureAll, measureAlone } from './measure.js';
import { checkSums, valueText, verdicts } from './verdicts.js';

/*
 * pnpm bench [--json] [--rounds N] [--goals] [--docs]
 *
 * Judges the goals, then measures end to end and how costs grow (not with --goals or --json). --json prints the goals as one JSON object and
 * nothing else; --docs writes docs/performance.md and docs/performance.svg. Each round runs the native comparator and then every workload on
 * every format and unit, so that both see the same minute of the machine; a ratio is the median of the rounds' ratios.
 */

const args = process.argv.slice(2);
const isJson = args.includes('--json');
const rounds = Math.max(5, Number(args[args.indexOf('--rounds') + 1]) || 7);
const alone = args.includes('--alone') ? args[args.indexOf('--alone') + 1] : undefined;
const NO_COMPILER = 'No C compiler (cc): ratios to the native comparators were not measured.';

const print = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);
const docs = (name: string): string => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

function main(): number {
  const measured = measureAll(rounds);
  const judged = verdicts(measured);
  const wrong = checkSums(measured);
  const hasNative = measured.natives.length > 0;
  if (isJson) {
    const goals = judged.map(({ id, unit, value, goal, met }) => ({ id, unit, value, goal, met }));
    print([JSON.stringify({ goals })]);
  } else {
    print(
      judged.map((verdict) => {
        const { id, title, unit, goal, met, ours, native, measure } = verdict;
        const beside = native === null ? '' : `${ours.toFixed(2)} ns against ${native.toFixed(2)} ns, `;
        const verdictText = `goal ${String(goal).padEnd(5)}${met ? 'met   ' : 'missed'}`;
        const text = measure === 'ratio' ? beside : '';
        return `${id.padEnd(4)}${title.padEnd(34)}${unit.padEnd(12)}${valueText(verdict).padStart(12)}  ${verdictText}  ${text}spread ${(verdict.spread * 100).toFixed(0)}%`;
      }),
    );
  }
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (!hasNative) process.stderr.write(`${NO_COMPILER}\n`);
  if (!isJson && !args.includes('--goals')) {
    const figures = endToEnd();
    const growth = measureGrowth();
    print(['', ...figures.map(({ what, unit, text }) => `${what.padEnd(52)}${unit.padEnd(12)}${text}`)]);
    print(['', ...growth.lines]);
    if (args.includes('--docs')) {
      writeFileSync(
        docs('performance.md'),
        performanceDocument(judged, rounds, figures, growth, hasNative ? '' : NO_COMPILER),
      );
      writeFileSync(docs('performance.svg'), chart(judged));
    }
  }
  return wrong.length > 0 ? 1 : 0;
}

if (alone === undefined) process.exitCode = main();
else print([JSON.stringify(measureAlone(alone, rounds))]);
