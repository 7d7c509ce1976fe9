import { Command, Option } from 'commander';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describeMalformedLine, emitStep, readTrace, replayTrace } from '@ioasis/testkit';
import { complain, ExitStatus } from '../exit-status.js';
import { readInput, writeLines } from '../files.js';
import { wholeNumber } from '../arguments.js';
import { Progress } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { machineNames, personalities, replayMachine, type Personality } from './machines.js';
import { replayJson, replayLines, type Replayed } from './report.js';

interface ReplayCommandOptions {
  readonly machine?: string;
  readonly personality?: Personality;
  readonly scenario?: string;
  readonly emit?: string;
  readonly show: number;
  readonly json?: boolean;
}

function replayFile(
  terminal: Terminal,
  file: string,
  options: ReplayCommandOptions,
): Replayed | typeof ExitStatus.UNUSABLE {
  const bytes = readInput(file);
  if (isLeft(bytes)) return complain(terminal, bytes.left);
  const read = readTrace(file, bytes.right);
  if (isLeft(read)) return complain(terminal, describeMalformedLine(read.left));
  const trace = read.right;
  const chosen = replayMachine(trace.header, options);
  if (isLeft(chosen)) return complain(terminal, `${file}: ${chosen.left}`);
  const { machine, personality, make } = chosen.right;
  const scenario = options.scenario ?? '';
  if (!trace.steps.some((step) => step.scenario.includes(scenario))) {
    const known = trace.steps.find(({ op }) => op === 'begin')?.scenario;
    return complain(
      terminal,
      `${file}: no scenario has "${scenario}" in its name`,
      known && `the first one is ${known}`,
    );
  }
  const emitted = [trace.headerLine];
  const progress = new Progress(terminal, `${file}, steps`);
  const report = replayTrace(trace, make, { scenario }, ({ step, outcome }) => {
    progress.advance();
    if (options.emit !== undefined) emitted.push(emitStep(step, outcome));
  });
  progress.end();
  const failed = options.emit === undefined ? undefined : writeLines(options.emit, emitted);
  return failed === undefined ? { trace, machine, personality, report } : complain(terminal, failed);
}

function replay(terminal: Terminal, files: readonly string[], options: ReplayCommandOptions): ExitStatus {
  if (options.emit !== undefined && files.length > 1) {
    return complain(terminal, '--emit writes one trace and there are several', 'replay them one at a time');
  }
  const replayed: Replayed[] = [];
  let status: ExitStatus = ExitStatus.AGREES;
  for (const file of files) {
    const result = replayFile(terminal, file, options);
    if (typeof result === 'number') {
      status = result;
      continue;
    }
    replayed.push(result);
    if (result.report.divergences.length > 0 && status === ExitStatus.AGREES) status = ExitStatus.DIFFERS;
    if (!options.json) terminal.out(replayLines(terminal, result, options.show));
  }
  if (options.json) terminal.out(`${JSON.stringify(replayJson(replayed, options.show), undefined, 2)}\n`);
  return status;
}

/** `ioasis replay`. `finish` receives the exit status. */
export function replayCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('replay')
    .description('do again what a program did to a real kernel, and compare every answer')
    .argument('<trace...>', 'recordings in iommu-trace/1, plain or gzip')
    .addOption(
      new Option('--machine <name>', 'machine to replay on, instead of the recording machine').choices(machineNames),
    )
    .addOption(
      new Option('--personality <name>', 'who serves /dev/vfio/vfio, instead of the header').choices(personalities),
    )
    .option('--scenario <text>', 'only scenarios with this text in their name')
    .option('--emit <file>', 'write the trace with the outcomes of this run in place of the recorded ones')
    .option('--show <count>', 'how many divergences to print of each file', wholeNumber, 10)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 every compared step agrees, 1 some differ, 2 a file or an argument cannot be used.

Examples:
  ioasis replay fixtures/traces/device/iommufd-vtd-aw39.jsonl.gz
  ioasis replay --scenario dev/cdev --show 3 recording.jsonl
  ioasis replay --personality type1 --emit ours.jsonl recording.jsonl`,
    )
    .action((files: string[], options: ReplayCommandOptions) => finish(replay(terminal, files, options)));
}
