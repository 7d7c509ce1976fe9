import { Command } from 'commander';
import { complain, ExitStatus } from '../exit-status.js';
import { unknownName } from '../nearest.js';
import type { Terminal } from '../terminal.js';
import { findVendor, vendors } from '../vendors.js';
import { platformsOf } from './inventory.js';
import { backendJson, backendLines } from './report.js';

interface BackendsCommandOptions {
  readonly preset?: string;
  readonly ladder?: boolean;
  readonly json?: boolean;
}

function list(terminal: Terminal, id: string | undefined, options: BackendsCommandOptions): ExitStatus {
  const vendor = id === undefined ? undefined : findVendor(id);
  if (id !== undefined && vendor === undefined) {
    return complain(
      terminal,
      ...unknownName(
        'backend',
        id,
        vendors.map((known) => known.id),
      ),
    );
  }
  const chosen = vendor === undefined ? vendors : [vendor];
  const { preset } = options;
  const presets = chosen.flatMap((each) => each.presets);
  if (preset !== undefined && !presets.includes(preset))
    return complain(terminal, ...unknownName('preset', preset, presets));
  const installed = chosen
    .map((each) => ({
      vendor: each,
      platforms: platformsOf(each).filter((platform) => preset === undefined || platform.preset === preset),
    }))
    .filter(({ platforms }) => platforms.length > 0);
  terminal.out(
    options.json
      ? `${JSON.stringify(backendJson(installed), undefined, 2)}\n`
      : backendLines(terminal, installed, options.ladder === true),
  );
  return ExitStatus.AGREES;
}

/** `ioasis backends`. `finish` receives the exit status. */
export function backendsCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('backends')
    .description('what is installed: IOMMUs, their platforms, what they can do and how faithful they are')
    .argument('[id]', 'one backend; all unless given')
    .option('--preset <name>', 'one platform')
    .option('--ladder', 'print the fidelity ladder: every feature with its level')
    .option('--json', 'print everything as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 printed, 2 there is no such backend or preset.

Examples:
  ioasis backends
  ioasis backends intel-vtd --preset qemu-q35-39bit --ladder`,
    )
    .action((id: string | undefined, options: BackendsCommandOptions) => finish(list(terminal, id, options)));
}
