import {
  diffTrace,
  readTrace,
  renderDiff,
  describeMalformedLine,
  type DiffOutcome,
  type DiffReport,
} from '@ioasis/testkit';
import { Command } from 'commander';
import { isLeft } from 'fp-ts/lib/Either.js';
import { listOfNames, wholeNumber } from '../arguments.js';
import { complain, ExitStatus } from '../exit-status.js';
import { readInput } from '../files.js';
import type { Terminal } from '../terminal.js';
import { sidesOf, type SideChoice } from './sides.js';

interface DiffCommandOptions extends SideChoice {
  readonly scenario?: string;
  readonly show: number;
  readonly json?: boolean;
}

const answerJson = ({ ret, errno, refusal, dma }: DiffOutcome): object => ({
  ret,
  errno,
  code: refusal?.code,
  served: dma?.isServed,
});

/** A report for a machine: of each step where it is, both answers and why. */
const diffJson = ({ differing, ...counts }: DiffReport, show: number): object => ({
  ...counts,
  differing: differing.length,
  differences: differing.slice(0, show).map(({ step, left, right, reasons, follows }) => ({
    scenario: step.scenario,
    seq: step.seq,
    op: step.op,
    left: answerJson(left),
    right: answerJson(right),
    reasons,
    follows,
  })),
});

function diff(terminal: Terminal, file: string, options: DiffCommandOptions): ExitStatus {
  const bytes = readInput(file);
  if (isLeft(bytes)) return complain(terminal, bytes.left);
  const trace = readTrace(file, bytes.right);
  if (isLeft(trace)) return complain(terminal, describeMalformedLine(trace.left));
  const sides = sidesOf(trace.right.header, options);
  if (isLeft(sides)) return complain(terminal, ...sides.left);
  const report = diffTrace(trace.right, ...sides.right, { scenario: options.scenario ?? '' });
  if (report.scenarios === 0) {
    const known = trace.right.steps.find(({ op }) => op === 'begin')?.scenario;
    return complain(
      terminal,
      `no scenario has "${options.scenario ?? ''}" in its name`,
      known && `the first one is ${known}`,
    );
  }
  terminal.out(
    options.json
      ? `${JSON.stringify(diffJson(report, options.show), undefined, 2)}\n`
      : renderDiff(report, options.show),
  );
  return report.unexplained === 0 ? ExitStatus.AGREES : ExitStatus.DIFFERS;
}

/** `ioasis diff`. `finish` receives the exit status. */
export function diffCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('diff')
    .description('run one trace on two machines, and say where their answers differ and why')
    .argument('<trace>', 'a recording in iommu-trace/1, plain or gzip')
    .option('--personality <left,right>', 'who serves /dev/vfio/vfio: iommufd, type1', listOfNames)
    .option('--kernel <left,right>', 'which Linux: 6.12, 6.6, 6.2', listOfNames)
    .option(
      '--machine <left,right>',
      "whose IOMMU is in front of the recording's devices, by the names that replay takes",
      listOfNames,
    )
    .option('--scenario <text>', 'only scenarios with this text in their name')
    .option('--show <count>', 'how many differing steps to print', wholeNumber, 10)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
One name counts for both sides; what is not given is the recording's.

Exit status: 0 the sides agree, or every difference has a reason; 1 some difference is unexplained; 2 a file or an argument cannot be used.

Examples:
  ioasis diff --personality iommufd,type1 recording.jsonl
  ioasis diff --kernel 6.12,6.2 --scenario compat recording.jsonl
  ioasis diff --machine q35+vtd,virt+smmuv3 --show 3 recording.jsonl`,
    )
    .action((file: string, options: DiffCommandOptions) => finish(diff(terminal, file, options)));
}
