/** Where a command prints. Tests hand in one that keeps what is printed. */
export interface Terminal {
  /** The command's answer. */
  out(text: string): void;
  /** What is wrong, and progress. */
  err(text: string): void;
  /** Whether answers may be coloured. */
  readonly colour: boolean;
  /** Whether progress may be shown. */
  readonly progress: boolean;
}

/** A standard stream, as far as a terminal needs it. */
export interface TerminalStream {
  /** Writes text as it is. */
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** The part of Node's `process` that a terminal is made of. */
export interface TerminalProcess {
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours only where a person looks, and not for those who set NO_COLOR (https://no-color.org). */
export function processTerminal({ stdout, stderr, env }: TerminalProcess): Terminal {
  const dumb = env['TERM'] === 'dumb';
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    colour: stdout.isTTY === true && !env['NO_COLOR'] && !dumb,
    progress: stderr.isTTY === true && !dumb,
  };
}

const ESCAPES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** A way to set text off. */
export type Style = keyof typeof ESCAPES;

/** The text in a style, or as it is where there are no colours. */
export function paint(terminal: Terminal, style: Style, text: string): string {
  const [on, off] = ESCAPES[style];
  return terminal.colour ? `\u001b[${on}m${text}\u001b[${off}m` : text;
}
