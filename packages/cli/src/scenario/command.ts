import { Command, Option } from 'commander';
import { isLeft, right, type Either } from 'fp-ts/lib/Either.js';
import {
  compareRun,
  describeMalformedLine,
  emitScenario,
  readScenarios,
  runScenario,
  type Scenario,
  type ScenarioDivergence,
  type ScenarioRun,
} from '@ioasis/testkit';
import { wholeNumber } from '../arguments.js';
import { complain, ExitStatus } from '../exit-status.js';
import { readInput, writeLines } from '../files.js';
import { Progress } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { runWithQemu } from './qemu.js';
import { scenarioJson, scenarioLines, type ScenarioFileResult } from './report.js';
import { makeUnit } from './units.js';

interface ScenarioCommandOptions {
  readonly on: 'ioasis' | 'qemu';
  readonly caches: 'on' | 'off';
  readonly scenario?: string;
  readonly emit?: string;
  readonly show: number;
  readonly json?: boolean;
}

/** Runs a scenario on a bare unit of ours, or on a QEMU of its own. @returns Left with what is in the way */
async function runOne(scenario: Scenario, options: ScenarioCommandOptions): Promise<Either<string, ScenarioRun>> {
  if (options.on === 'qemu') return runWithQemu(scenario);
  const unit = makeUnit(scenario, options.caches === 'on');
  return isLeft(unit) ? unit : right(runScenario(scenario, unit.right));
}

async function runFile(
  terminal: Terminal,
  file: string,
  options: ScenarioCommandOptions,
): Promise<ScenarioFileResult | typeof ExitStatus.UNUSABLE> {
  const bytes = readInput(file);
  if (isLeft(bytes)) return complain(terminal, bytes.left);
  const read = readScenarios(file, bytes.right);
  if (isLeft(read)) return complain(terminal, describeMalformedLine(read.left));
  const chosen = read.right.scenarios.filter(({ id }) => id.includes(options.scenario ?? ''));
  const [first] = read.right.scenarios;
  if (chosen.length === 0) {
    const wayOut = first === undefined ? '' : `the first one is ${first.id}`;
    return complain(terminal, `${file}: no scenario has "${options.scenario ?? ''}" in its id`, wayOut);
  }
  const caches = options.caches === 'on';
  const emitted = [read.right.headerLine];
  const divergences: ScenarioDivergence[] = [];
  let compared = 0;
  let informative = 0;
  const progress = new Progress(terminal, `${file}, scenarios`);
  for (const scenario of chosen) {
    const done = await runOne(scenario, options);
    if (isLeft(done)) return complain(terminal, `${file}: ${scenario.id}: ${done.left}`);
    const run = done.right;
    const verdict = compareRun(run, caches);
    progress.advance();
    compared += verdict.compared;
    if (verdict.compared === 0) informative++;
    divergences.push(...verdict.divergences);
    if (options.emit !== undefined) emitted.push(emitScenario(run));
  }
  progress.end();
  const failed = options.emit === undefined ? undefined : writeLines(options.emit, emitted);
  if (failed !== undefined) return complain(terminal, failed);
  return { file, on: options.on, caches: options.caches, scenarios: chosen.length, informative, compared, divergences };
}

async function runAll(
  terminal: Terminal,
  files: readonly string[],
  options: ScenarioCommandOptions,
): Promise<ExitStatus> {
  if (options.emit !== undefined && files.length > 1) {
    return complain(terminal, '--emit writes one file and there are several', 'run them one at a time');
  }
  const results: ScenarioFileResult[] = [];
  let status: ExitStatus = ExitStatus.AGREES;
  for (const file of files) {
    const result = await runFile(terminal, file, options);
    if (typeof result === 'number') {
      status = result;
      continue;
    }
    results.push(result);
    if (result.divergences.length > 0 && status === ExitStatus.AGREES) status = ExitStatus.DIFFERS;
    if (!options.json) terminal.out(scenarioLines(terminal, result, options.show));
  }
  if (options.json) terminal.out(`${JSON.stringify(scenarioJson(results, options.show), undefined, 2)}\n`);
  return status;
}

/** `ioasis scenario`. `finish` receives the exit status. */
export function scenarioCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('scenario')
    .description('run memory, registers and DMA on a bare unit, and compare with what was observed')
    .argument('<file...>', 'scenarios in iommu-scenario/1, plain or gzip')
    .addOption(
      new Option('--on <what>', 'our model of the unit, or QEMU where it is installed')
        .choices(['ioasis', 'qemu'])
        .default('ioasis'),
    )
    .addOption(
      new Option('--caches <state>', 'whether the unit caches translations').choices(['on', 'off']).default('on'),
    )
    .option('--scenario <text>', 'only scenarios with this text in their id')
    .option('--emit <file>', 'write the file with the outcomes of this run in place of the observed ones')
    .option('--show <count>', 'how many divergences to print of each file', wholeNumber, 10)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 everything compared agrees, 1 something differs, 2 a file or an argument cannot be used.

Examples:
  ioasis scenario fixtures/scenarios/vtd.jsonl.gz
  ioasis scenario --caches off --scenario stale fixtures/scenarios/vtd.jsonl.gz
  ioasis scenario --on qemu --scenario walk-0000 fixtures/scenarios/vtd.jsonl.gz`,
    )
    .action(async (files: string[], options: ScenarioCommandOptions) => finish(await runAll(terminal, files, options)));
}
