import { describe, expect, it } from 'vitest';
import { admit, complain } from '../src/exit-status.js';
import { runProgram } from '../src/index.js';
import { capture } from './captured.js';

describe('what is said on standard error', () => {
  it('is one line with a way out', () => {
    const terminal = capture();
    expect(complain(terminal, 'no\nfile\u001b[2J', 'give one')).toBe(2);
    expect(terminal.printed.err).toBe('ioasis: no\\x0afile\\x1b[2J; give one\n');
  });

  it('admits a bug in one line, and says where to those who ask', () => {
    const terminal = capture();
    expect(admit(terminal, new TypeError('x is not a function'), false)).toBe(70);
    expect(terminal.printed.err).toBe(
      'ioasis: this is a bug of ioasis: x is not a function; with IOASIS_STACK=1 it says where\n',
    );
    admit(terminal, new TypeError('again'), true);
    expect(terminal.printed.err).toContain('exit-status.test');
  });

  it('is that line for any exception of a verb', async () => {
    const terminal = capture();
    const broken = {
      ...terminal,
      out: () => {
        throw new Error('broken');
      },
    };
    expect(await runProgram(['backends'], broken)).toBe(70);
    expect(terminal.printed.err).toContain('this is a bug of ioasis: broken;');
  });
});
