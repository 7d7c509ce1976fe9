import { stepTitle, type Difference, type ReplayedStep, type ReplayReport, type Trace } from '@ioasis/testkit';
import { plural } from '../plural.js';
import { paint, type Terminal } from '../terminal.js';
import type { Personality } from './machines.js';

/** A trace that was replayed, and on what. */
export interface Replayed {
  readonly trace: Trace;
  readonly machine: string;
  readonly personality: Personality;
  readonly report: ReplayReport;
}

const LONGEST = 160;
const cut = (text: string): string =>
  text.length > LONGEST ? `${text.slice(0, LONGEST)}... (${text.length} characters)` : text;

function differenceLines(terminal: Terminal, { what, expected, got, fields }: Difference): string[] {
  const pairs =
    fields.length === 0
      ? [{ field: what, expected, got }]
      : fields.map((it) => ({ ...it, field: `${what} ${it.field}` }));
  return pairs.flatMap((pair) => [
    `      ${pair.field}`,
    `        expected ${paint(terminal, 'green', cut(pair.expected))}`,
    `        got      ${paint(terminal, 'red', cut(pair.got))}`,
  ]);
}

function divergenceLines(terminal: Terminal, replayed: ReplayedStep): string[] {
  const { scenario, seq } = replayed.step;
  const title = `    ${paint(terminal, 'bold', scenario)} seq ${seq}: ${stepTitle(replayed.step)}`;
  return [title, ...replayed.differences.flatMap((difference) => differenceLines(terminal, difference))];
}

/** What a replay came to, for a person: counts, and the first divergences field by field. */
export function replayLines(
  terminal: Terminal,
  { trace, machine, personality, report }: Replayed,
  show: number,
): string {
  const { scenarios, steps, compared, agreed, divergences } = report;
  const differ = divergences.length;
  const verdict =
    differ === 0
      ? paint(terminal, 'green', 'all agree')
      : paint(terminal, 'red', `${agreed} agree, ${plural(differ, 'step')} ${differ === 1 ? 'differs' : 'differ'}`);
  const lines = [
    paint(terminal, 'bold', trace.file),
    `  ${machine}, /dev/vfio/vfio by ${personality}: ${plural(scenarios, 'scenario')}, ${plural(steps, 'step')}`,
    `  ${compared} compared, ${verdict}`,
    ...divergences.slice(0, show).flatMap((each) => divergenceLines(terminal, each)),
  ];
  if (differ > show) lines.push(`    and ${differ - show} more (--show ${differ} prints all)`);
  return `${lines.join('\n')}\n`;
}

/** What replays came to, for a machine. */
export function replayJson(replayed: readonly Replayed[], show: number): object {
  return {
    agree: replayed.every(({ report }) => report.divergences.length === 0),
    files: replayed.map(({ trace, machine, personality, report }) => ({
      file: trace.file,
      machine,
      personality,
      scenarios: report.scenarios,
      steps: report.steps,
      compared: report.compared,
      agreed: report.agreed,
      differing: report.divergences.length,
      divergences: report.divergences.slice(0, show).map(({ step, differences }) => ({
        scenario: step.scenario,
        seq: step.seq,
        op: step.op,
        ...(step.op === 'ioctl' && { cmd: step.cmd }),
        differences,
      })),
    })),
  };
}
