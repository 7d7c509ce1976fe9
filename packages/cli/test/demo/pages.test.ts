import { expect, it } from 'vitest';
import { PrintedPages } from '../../src/demo/pages.js';
import { capture } from '../captured.js';

it('numbers chapters, aligns results and wraps at 80 columns', () => {
  const terminal = capture();
  const pages = new PrintedPages(terminal);
  pages.title('title');
  pages.chapter('first');
  pages.call('open("x")', '3');
  pages.text('word '.repeat(20).trim());
  pages.chapter('second');
  pages.loud('x'.repeat(100), 'red');
  const lines = terminal.printed.out.split('\n');
  expect(lines.slice(0, 4)).toEqual(['title', '', '1. first', `   open("x")${' '.repeat(63)}= 3`]);
  expect(lines).toContain('2. second');
  expect(lines).toContain('   word word word word word');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});
