import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chart } from './chart.js';
import { performanceDocument } from './document.js';
import { endToEnd } from './end-to-end.js';
import { measureGrowth } from './growth.js';
import { measureAll, measureAlone } from './measure.js';
import { silent, toStderr } from './progress.js';
import { checkSums, verdictLine, verdicts } from './verdicts.js';

const USAGE = `pnpm bench [--json] [--goals] [--docs] [--rounds N]

Judges the goals, then measures end to end and how costs grow (not with --goals or --json): about 6 minutes, the goals alone 1.
Each round runs the native comparator and then every workload on every format and unit, so that both see the same minute
of the machine; a ratio is the median of the rounds' ratios.

  --json      prints the goals as one JSON object and nothing else
  --goals     judges the goals only
  --docs      writes docs/performance.md and docs/performance.svg too
  --rounds N  at least 5; 7 unless given`;
const FEWEST_ROUNDS = 5;
const NO_COMPILER = 'No C compiler (cc): ratios to the native comparators were not measured.';

interface Options {
  readonly isJson: boolean;
  readonly goalsOnly: boolean;
  readonly writesDocs: boolean;
  readonly rounds: number;
  /** Internal: measures one format alone in a process, for P8. */
  readonly alone: string | undefined;
}

const print = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);
const docs = (name: string): string => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));

/** @returns what is wrong with the arguments, or undefined when only help was asked for */
function optionsOf(args: readonly string[]): Options | string | undefined {
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { json: flag, goals: flag, docs: flag, help: flag, rounds: text, alone: text },
    });
    if (values.help) return undefined;
    const rounds = Number(values.rounds ?? 7);
    if (!Number.isInteger(rounds) || rounds < FEWEST_ROUNDS) return `--rounds is a number from ${FEWEST_ROUNDS} on`;
    if (values.docs && (values.json || values.goals)) return '--docs needs everything, so neither --json nor --goals';
    const goalsOnly = values.goals || values.json;
    return { isJson: values.json, goalsOnly, writesDocs: values.docs, rounds, alone: values.alone };
  } catch (error) {
    return (error as Error).message;
  }
}

function measure({ isJson, goalsOnly, writesDocs, rounds }: Options): number {
  const progress = isJson ? silent : toStderr;
  const measured = measureAll(rounds, progress);
  const judged = verdicts(measured);
  const wrong = checkSums(measured);
  const hasNative = measured.natives.length > 0;
  if (isJson) {
    const goals = judged.map(({ id, unit, value, goal, met }) => ({ id, unit, value, goal, met }));
    print([JSON.stringify({ goals })]);
  } else print(judged.map(verdictLine));
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (!hasNative) process.stderr.write(`${NO_COMPILER}\n`);
  if (!goalsOnly) {
    const figures = endToEnd(progress);
    progress('how costs grow');
    const growth = measureGrowth();
    print(['', ...figures.map(({ what, unit, text }) => `${what.padEnd(58)} ${unit.padEnd(12)}${text}`)]);
    print(['', ...growth.lines]);
    if (writesDocs) {
      const missing = hasNative ? '' : NO_COMPILER;
      writeFileSync(docs('performance.md'), performanceDocument(judged, rounds, figures, growth, missing));
      writeFileSync(docs('performance.svg'), chart(judged));
    }
  }
  return wrong.length > 0 ? 1 : 0;
}

const options = optionsOf(process.argv.slice(2));
if (options === undefined) print([USAGE]);
else if (typeof options === 'string') {
  process.stderr.write(`bench: ${options}\n\n${USAGE}\n`);
  process.exitCode = 2;
} else if (options.alone === undefined) process.exitCode = measure(options);
else print([JSON.stringify(measureAlone(options.alone, options.rounds))]);
