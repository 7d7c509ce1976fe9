import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { allRefusalRules, describeRefusal, refusalTable } from '../../src/index.js';

const table = refusalTable('room of this test', {
  TEST_TOO_LONG: { errno: 'EINVAL', rule: 'lengths end', source: 'this test', hint: 'ask for less' },
  TEST_ABSENT: { errno: 'ENOENT', rule: 'things exist', source: 'this test' },
});

describe('refusalTable', () => {
  it('builds refusals from rows, with the facts of the call', () => {
    expect(table.refusal('TEST_TOO_LONG', { length: 0x2000n })).toEqual({
      errno: 'EINVAL',
      code: 'TEST_TOO_LONG',
      rule: 'lengths end',
      facts: { length: 0x2000n },
      hint: 'ask for less',
    });
    expect(table.refusal('TEST_TOO_LONG', {}, 'the most is 5').hint).toBe('the most is 5');
    expect(isLeft(table.refuse('TEST_ABSENT'))).toBe(true);
  });

  it('refuses a code that another room has', () => {
    const again = { TEST_ABSENT: { errno: 'EIO', rule: '', source: '' } } as const;
    expect(() => refusalTable('other', again)).toThrow(/TEST_ABSENT is declared by room of this test and by other/);
  });

  it('prints a refusal in one line', () => {
    expect(describeRefusal(table.refusal('TEST_TOO_LONG', { length: 0x2000n, id: 7 }))).toBe(
      'EINVAL TEST_TOO_LONG: lengths end [length=0x2000 id=7] ask for less',
    );
    expect(describeRefusal(table.refusal('TEST_ABSENT'))).toBe('ENOENT TEST_ABSENT: things exist');
  });
});

describe('allRefusalRules', () => {
  it('gives every code of the library a rule and a source', () => {
    const rules = allRefusalRules();
    expect(rules.find(({ code }) => code === 'FD_CLOSED')?.room).toBe('process');
    expect(rules.filter(({ rule }) => rule.rule === '' || rule.source === '')).toEqual([]);
  });
});
