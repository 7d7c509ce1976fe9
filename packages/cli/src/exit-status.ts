import type { Terminal } from './terminal.js';

/** What the program's exit status says. */
export const ExitStatus = {
  /** Everything that was compared agrees. */
  AGREES: 0,
  /** Something differs. */
  DIFFERS: 1,
  /** The question could not be answered: bad input, bad arguments, a machine that does not exist. */
  UNUSABLE: 2,
  /** ioasis has a bug. */
  BROKEN: 70,
} as const;

/** One of {@link ExitStatus}. */
export type ExitStatus = (typeof ExitStatus)[keyof typeof ExitStatus];

/** Text on one line: what would move the cursor, as messages about binary files have it, is shown by its number. */
const oneLine = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** Says in one line what is wrong and what to do about it. */
export function complain(terminal: Terminal, reason: string, wayOut = ''): typeof ExitStatus.UNUSABLE {
  terminal.err(`ioasis: ${oneLine(`${reason}${wayOut === '' ? '' : `; ${wayOut}`}`)}\n`);
  return ExitStatus.UNUSABLE;
}

/** Says in one line that ioasis has a bug; its place only to those who ask for it. */
export function admit(terminal: Terminal, error: unknown, wantsPlace: boolean): typeof ExitStatus.BROKEN {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  complain(terminal, `this is a bug of ioasis: ${message}`, wantsPlace ? '' : 'with IOASIS_STACK=1 it says where');
  if (wantsPlace) terminal.err(`${stack}\n`);
  return ExitStatus.BROKEN;
}
