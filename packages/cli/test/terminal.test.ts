import { describe, expect, it } from 'vitest';
import { processTerminal } from '../src/index.js';
import { paint } from '../src/terminal.js';

const stream = (isTTY: boolean) => {
  const written: string[] = [];
  return { isTTY, written, write: (text: string) => written.push(text) };
};
const terminal = (tty: boolean, env: Record<string, string> = {}) =>
  processTerminal({ stdout: stream(tty), stderr: stream(tty), env });

describe('processTerminal', () => {
  it('prints answers and complaints to their streams', () => {
    const [stdout, stderr] = [stream(false), stream(false)];
    const both = processTerminal({ stdout, stderr, env: {} });
    both.out('a');
    both.err('b');
    expect([stdout.written, stderr.written]).toEqual([['a'], ['b']]);
  });

  it('colours only where a person looks and wants it', () => {
    expect(terminal(true)).toMatchObject({ colour: true, progress: true });
    expect(terminal(false)).toMatchObject({ colour: false, progress: false });
    expect(terminal(true, { NO_COLOR: '1' })).toMatchObject({ colour: false, progress: true });
    expect(terminal(true, { NO_COLOR: '' })).toMatchObject({ colour: true });
    expect(terminal(true, { TERM: 'dumb' })).toMatchObject({ colour: false, progress: false });
  });
});

describe('paint', () => {
  it('sets text off, or leaves it alone', () => {
    expect(paint(terminal(true), 'red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(paint(terminal(false), 'red', 'x')).toBe('x');
  });
});
