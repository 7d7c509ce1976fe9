import { expect, it } from 'vitest';
import { Progress } from '../src/progress.js';
import { capture } from './captured.js';

function counted(progress: boolean, count: number): string {
  const terminal = { ...capture(), progress };
  const line = new Progress(terminal, 'steps');
  for (let i = 0; i < count; i++) line.advance();
  line.end();
  return terminal.printed.err;
}

it('counts on a terminal and leaves nothing behind', () => {
  expect(counted(true, 1200)).toBe('\r\u001b[Ksteps: 500\r\u001b[Ksteps: 1000\r\u001b[K');
  expect(counted(true, 10)).toBe('');
});

it('is silent elsewhere', () => {
  expect(counted(false, 1200)).toBe('');
});
