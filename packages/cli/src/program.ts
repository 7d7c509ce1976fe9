import { Command, CommanderError } from 'commander';
import { commandMakers } from './commands.js';
import { admit, ExitStatus } from './exit-status.js';
import type { Terminal } from './terminal.js';
import { version } from './version.js';

/**
 * Runs the command line.
 * @param args without `node` and the script
 */
export async function runProgram(args: readonly string[], terminal: Terminal): Promise<ExitStatus> {
  let status: ExitStatus = ExitStatus.AGREES;
  const finish = (answer: ExitStatus): void => {
    status = answer;
  };
  const program = new Command('ioasis')
    .description("An IOMMU you can put in a unit test: Linux's iommufd and VFIO on models of real units.")
    .version(version)
    .addHelpText('after', '\nTry `ioasis demo` first.')
    .enablePositionalOptions();
  for (const make of commandMakers) program.addCommand(make(terminal, finish));
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureOutput({
        writeOut: terminal.out,
        writeErr: terminal.err,
        outputError: (text, write) => write(usageError(command, text)),
      })
      .showSuggestionAfterError(false);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) return admit(terminal, error, Boolean(process.env['IOASIS_STACK']));
    return error.exitCode === 0 ? ExitStatus.AGREES : ExitStatus.UNUSABLE;
  }
  return status;
}

/** commander's message in our one line. */
function usageError(command: Command, text: string): string {
  const reason = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  const name = command.parent === null ? 'ioasis' : `ioasis ${command.name()}`;
  return `ioasis: ${reason}; see ${name} --help\n`;
}
