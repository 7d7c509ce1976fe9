import { writeFileSync } from 'node:fs';
import { runProgram } from '@ioasis/bridge';
import { describeRefusal, type Machine } from '@ioasis/core';
import { checkers, EventLog, traceText, type Checkers } from '@ioasis/testkit';
import { Command, InvalidArgumentError, Option } from 'commander';
import { complain, ExitStatus } from '../exit-status.js';
import { reasonOf, writeLines } from '../files.js';
import type { Terminal } from '../terminal.js';
import { runMachine, runValues, type RunChoice } from './machine.js';

interface RunCommandOptions extends RunChoice {
  readonly check?: boolean;
  readonly explain?: boolean;
  readonly trace?: string;
}

async function run(
  terminal: Terminal,
  command: string,
  args: readonly string[],
  options: RunCommandOptions,
): Promise<number> {
  if (
    options.trace !== undefined &&
    !options.device.every((name, at) => name === 'none' || (name === 'edu' && at === 0))
  ) {
    return complain(terminal, 'a trace is of one edu device, because ioasis replay has no other');
  }
  // Whether it can be written is seen before the program runs, not after.
  const unwritable = options.trace === undefined ? undefined : writeLines(options.trace, []);
  if (unwritable !== undefined) return complain(terminal, unwritable);
  const log = options.trace === undefined ? undefined : new EventLog();
  const check = options.check === true || log !== undefined ? checkers({ ...(log && { log }) }) : undefined;
  let machine: Machine;
  let status: number;
  try {
    const made = runMachine(options, check);
    machine = made.machine;
    status = await runProgram({
      ...made,
      command,
      args,
      isRecorded: log !== undefined,
      ...(options.explain === true && {
        refused: (pid, call, refusal) => terminal.err(`ioasis: ${pid} ${call}: ${describeRefusal(refusal)}\n`),
      }),
    });
  } catch (error) {
    const isSystem = error instanceof Error && 'code' in error;
    return complain(terminal, `${isSystem ? `cannot run ${command}: ` : ''}${reasonOf(error)}`);
  }
  machine.close();
  if (log !== undefined && options.trace !== undefined) writeTrace(log, options);
  return options.check === true && check !== undefined ? judge(terminal, check, status) : status;
}

function writeTrace(log: EventLog, { trace, backend, personality }: RunCommandOptions): void {
  const provider = personality === 'type1' ? 'vfio-type1' : 'iommufd';
  writeFileSync(
    trace as string,
    traceText(log.trace(undefined, { machine: machineNames[backend] ?? 'none', vfio_vfio_provider: provider })),
  );
}

/** Names that `ioasis replay` has for the machines. */
const machineNames: Readonly<Record<string, string>> = {
  'intel-vtd': 'q35+vtd',
  'arm-smmuv3': 'virt+smmuv3',
  'amd-vi': 'q35+amd',
};

function judge(terminal: Terminal, check: Checkers, status: number): number {
  const { findings } = check;
  if (findings.length === 0) return status;
  terminal.err(`ioasis: ${findings.length} findings of checkers\n\n${check.text()}\n`);
  return status === 0 ? ExitStatus.DIFFERS : status;
}

function positive(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return number;
}

const choice = (flags: string, description: string, values: readonly string[], standard: string): Option =>
  new Option(flags, description).choices(values).default(standard);

const EDU: readonly string[] = ['edu'];

/** Each `--device` adds one; without any there is edu. */
function devices(): Option {
  const { device: values } = runValues;
  return choice(
    '--device <name>',
    'what is plugged in at 0000:00:01.0, group 1; again: at 02.0, group 2',
    values,
    'edu',
  )
    .default(EDU, '"edu"')
    .argParser((name: string, before: readonly string[]): readonly string[] => {
      if (!values.includes(name)) throw new InvalidArgumentError(`Allowed choices are ${values.join(', ')}.`);
      return before === EDU ? [name] : [...before, name];
    });
}

/** `ioasis run`. `finish` receives the exit status. */
export function runCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('run')
    .description('run a program, unchanged, on a machine with an IOMMU')
    .argument('<program>', 'what to run')
    .argument('[args...]', 'its arguments')
    .passThroughOptions()
    .addOption(choice('--backend <name>', 'the IOMMU', runValues.backend, 'intel-vtd'))
    .option('--preset <name>', 'which of its kind it is')
    .addOption(choice('--personality <name>', 'who serves /dev/vfio/vfio', runValues.personality, 'iommufd'))
    .addOption(choice('--kernel <release>', 'which Linux is modelled', runValues.kernel, '6.12'))
    .addOption(devices())
    .option('--trace <file>', 'write all calls down as iommu-trace/1')
    .option('--explain', 'say why, on stderr, whenever a call is refused')
    .option('--check', 'look for stale translations, uses after unmap and leaks')
    .option('--fail-nth <n>', 'let the n-th step inside the kernel that can fail, fail', positive)
    .addHelpText(
      'after',
      `
Exit status: 0 the program ended well, 1 it did and --check found something, 2 it could not be run; otherwise the program's own.

Examples:
  ioasis run -- ./my_vmm --vfio /dev/vfio/1
  ioasis run --backend amd-vi --personality type1 --check -- python3 map.py
  ioasis run --device edu --device ring -- ./two_devices
  ioasis run --backend mock -- ./iommufd`,
    )
    .action(async (program: string, args: string[], options: RunCommandOptions) =>
      finish((await run(terminal, program, args, options)) as ExitStatus),
    );
}
