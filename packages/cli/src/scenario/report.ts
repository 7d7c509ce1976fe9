import type { ScenarioDivergence, ScenarioStep } from '@ioasis/testkit';
import { plural } from '../plural.js';
import { paint, type Terminal } from '../terminal.js';

/** What a file of scenarios came to. */
export interface ScenarioFileResult {
  readonly file: string;
  /** What answered: our unit, or QEMU. */
  readonly on: 'ioasis' | 'qemu';
  readonly caches: 'on' | 'off';
  readonly scenarios: number;
  /** Scenarios of which nothing may be compared. */
  readonly informative: number;
  readonly compared: number;
  readonly divergences: readonly ScenarioDivergence[];
}

function nameOf(step: ScenarioStep | undefined): string {
  if (step === undefined) return 'registers at the end';
  switch (step.op) {
    case 'dma':
      return `DMA ${step.dir} of ${Number(step.len)} bytes at ${step.iova} by ${step.rid}`;
    case 'mem-read':
      return `memory at ${step.addr}`;
    case 'mmio-read':
      return `register at ${step.off}`;
    default:
      return step.op;
  }
}

function divergenceLines(terminal: Terminal, { scenario, step, differences }: ScenarioDivergence): string[] {
  const where = step === undefined ? '' : ` step ${step}`;
  const what = nameOf(step === undefined ? undefined : scenario.steps[step]);
  return [
    `    ${paint(terminal, 'bold', scenario.id)} (${scenario.class})${where}: ${what}`,
    ...differences.flatMap(({ field, expected, got }) => [
      `      ${field}`,
      `        expected ${paint(terminal, 'green', expected)}`,
      `        got      ${paint(terminal, 'red', got)}`,
    ]),
  ];
}

/** What a file of scenarios came to, for a person. */
export function scenarioLines(terminal: Terminal, result: ScenarioFileResult, show: number): string {
  const { file, on, caches, scenarios, informative, compared, divergences } = result;
  const differ = divergences.length;
  const apart = new Set(divergences.map(({ scenario }) => scenario.id)).size;
  const verdict =
    differ === 0
      ? paint(terminal, 'green', 'all agree')
      : paint(
          terminal,
          'red',
          `${plural(differ, 'answer')} in ${plural(apart, 'scenario')} ${differ === 1 ? 'differs' : 'differ'}`,
        );
  const lines = [
    paint(terminal, 'bold', file),
    `  ${on === 'qemu' ? 'on QEMU' : `caches ${caches}`}: ${plural(scenarios, 'scenario')}${informative === 0 ? '' : `, ${informative} with nothing to compare`}`,
    `  ${plural(compared, 'answer')} compared, ${verdict}`,
    ...divergences.slice(0, show).flatMap((each) => divergenceLines(terminal, each)),
  ];
  if (differ > show) lines.push(`    and ${differ - show} more (--show ${differ} prints all)`);
  return `${lines.join('\n')}\n`;
}

/** What files of scenarios came to, for a machine. */
export function scenarioJson(results: readonly ScenarioFileResult[], show: number): object {
  return {
    agree: results.every(({ divergences }) => divergences.length === 0),
    files: results.map(({ divergences, ...counts }) => ({
      ...counts,
      differing: divergences.length,
      divergences: divergences
        .slice(0, show)
        .map(({ scenario, step, differences }) => ({ scenario: scenario.id, step: step ?? 'final', differences })),
    })),
  };
}
