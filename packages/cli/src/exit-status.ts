import type { Terminal } from './terminal.js';

/** What the program's exit status says. */
export const ExitStatus = {
  /** Everything that was compared agrees. */
  AGREES: 0,
  /** Something differs. */
  DIFFERS: 1,
  /** The question could not be answered: bad input, bad arguments, a machine that does not exist. */
  UNUSABLE: 2,
} as const;

/** One of {@link ExitStatus}. */
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** Says in one line what is wrong and what to do about it. */
export function complain(terminal: Terminal, reason: string, wayOut = ''): typeof ExitStatus.UNUSABLE {
  terminal.err(`ioasis: ${reason}${wayOut === '' ? '' : `; ${wayOut}`}\n`);
  return ExitStatus.UNUSABLE;
}
