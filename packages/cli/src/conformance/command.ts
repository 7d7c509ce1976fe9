import type { BackendDefinition } from '@ioasis/core';
import { conformanceLines, runConformance, type ConformanceReport } from '@ioasis/testkit';
import { Command } from 'commander';
import { isLeft } from 'fp-ts/lib/Either.js';
import { complain, ExitStatus } from '../exit-status.js';
import type { Terminal } from '../terminal.js';
import { loadBackend, type BackendChoice } from './load-backend.js';

interface ConformanceCommandOptions extends BackendChoice {
  readonly json?: boolean;
}

async function run(terminal: Terminal, module: string, options: ConformanceCommandOptions): Promise<ExitStatus> {
  const backend = await loadBackend(module, options);
  if (isLeft(backend)) return complain(terminal, backend.left);
  const report = attempt(backend.right);
  if (typeof report === 'string') return complain(terminal, `${module} cannot be tested: ${report}`);
  terminal.out(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : conformanceLines(report));
  return report.results.some(({ error }) => error !== undefined) ? ExitStatus.DIFFERS : ExitStatus.AGREES;
}

/** A report, or why there is none: a backend that cannot even attach a device. */
function attempt(definition: BackendDefinition): ConformanceReport | string {
  try {
    return runConformance(definition);
  } catch (error) {
    return String(error);
  }
}

/** `ioasis conformance`. `finish` receives the exit status. */
export function conformanceCommand(terminal: Terminal, finish: (status: ExitStatus) => void): Command {
  return new Command('conformance')
    .description('ask a backend for everything that an IOMMU must do, and print what it does not')
    .argument(
      '<module>',
      'id of an installed backend, or a file or package that exports a BackendDefinition or a function that makes one',
    )
    .option('--export <name>', 'which export it is; the default export unless given')
    .option('--options <json>', 'what the function is called with, as JSON')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit status: 0 every case passes, 1 some case fails, 2 the module or an argument cannot be used.

Examples:
  ioasis conformance ./my-iommu.js
  ioasis conformance amd-vi
  ioasis conformance @ioasis/hw-intel-vtd --export intelVtd --options '{"preset":"full"}'`,
    )
    .action(async (module: string, options: ConformanceCommandOptions) => finish(await run(terminal, module, options)));
}
