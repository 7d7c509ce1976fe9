import { fileURLToPath } from 'node:url';
import { runProgram, type Terminal } from '../src/index.js';

/** A run of the command line inside this process. */
export interface CapturedRun {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** A terminal that keeps what is printed. */
export function capture(colour = false): Terminal & { readonly printed: { out: string; err: string } } {
  const printed = { out: '', err: '' };
  return {
    printed,
    colour,
    progress: false,
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
  };
}

/** Runs `ioasis` with arguments. */
export async function ioasis(...args: readonly string[]): Promise<CapturedRun> {
  const terminal = capture();
  const status = await runProgram(args, terminal);
  return { status, ...terminal.printed };
}

/** Path of a committed recording. */
export const fixture = (path: string): string => fileURLToPath(new URL(`../../../fixtures/${path}`, import.meta.url));
