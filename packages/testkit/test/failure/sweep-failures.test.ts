import { left, right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { done, type FailureSource, type IoResult, type Refusal } from '@ioasis/core';
import { describeSweep, sweepFailures, type SweepScenario } from '../../src/index.js';

const refusal = (code: string): Refusal => ({ errno: 'ENOMEM', code, rule: 'memory is there', facts: {}, hint: '' });

/** Books that are kept right or, with a bug, wrong. */
class Ledger {
  readonly entries: string[] = [];
  tries = 0;

  constructor(
    readonly failure: FailureSource,
    readonly bug?: 'keeps-half' | 'once-only' | 'refuses',
  ) {}

  add(name: string): IoResult<0> {
    this.tries++;
    if (this.bug === 'refuses' && name === 'b') return left(refusal('NEVER'));
    if (this.failure.fails('allocate')) return left(refusal('NO_ENTRY'));
    this.entries.push(name);
    if (this.failure.fails('pin')) {
      if (this.bug !== 'keeps-half') this.entries.pop();
      return left(refusal('NO_PIN'));
    }
    if (this.bug === 'once-only' && this.tries > 2) return left(refusal('USED_UP'));
    if (this.failure.fails('copy-out')) return left(refusal('NOT_TOLD'));
    return done;
  }
}

const ledger = (bug?: Ledger['bug'], held: readonly string[] = []): SweepScenario<Ledger> => ({
  prepare: (failure) => new Ledger(failure, bug),
  steps: (books) => [() => books.add('a'), () => books.add('b'), () => right('read')],
  state: ({ entries }) => ({ entries: [...entries], total: BigInt(entries.length) }),
  close: () => held,
});

describe('sweepFailures', () => {
  it('meets every failure point once and finds nothing where all is undone', () => {
    expect(sweepFailures(ledger())).toEqual({
      points: 6,
      byKind: { allocate: 2, pin: 2, 'copy-out': 2 },
      findings: [],
    });
  });

  it('meets only points of the kind that it is told', () => {
    expect(sweepFailures(ledger(), 'pin')).toMatchObject({ points: 2, byKind: { pin: 2 } });
  });

  it('finds a state that a refused call changed, and says which part', () => {
    const report = sweepFailures(ledger('keeps-half'));
    expect(describeSweep(report)).toMatchInlineSnapshot(`
      "6 failure points (allocate 2, pin 2, copy-out 2), 2 findings
      failure 2 (pin), step 0: state-changed: NO_PIN left entries [] as ["a"], total "0x0" as "0x1"
      failure 5 (pin), step 1: state-changed: NO_PIN left entries ["a"] as ["a","b"], total "0x1" as "0x2""
    `);
  });

  it('finds a call that cannot be made again, and a later one that fails after it', () => {
    const { findings } = sweepFailures(ledger('once-only'), 'allocate');
    expect(findings.map(({ nth, step, problem, detail }) => [nth, step, problem, detail])).toEqual([
      [1, 1, 'not-repeatable', 'ENOMEM USED_UP: memory is there'],
      [2, 1, 'not-repeatable', 'ENOMEM USED_UP: memory is there'],
    ]);
  });

  it('finds a step that is refused without a failure', () => {
    const { findings } = sweepFailures(ledger('refuses'), 'backend');
    expect(findings).toEqual([
      { nth: 1, kind: undefined, step: 1, problem: 'refused-without-failure', detail: 'ENOMEM NEVER: memory is there' },
    ]);
  });

  it('finds what is held after a run', () => {
    const { findings } = sweepFailures(ledger(undefined, ['1 pin']), 'pin');
    expect(findings.map(({ nth, problem, detail }) => [nth, problem, detail])).toEqual([
      [1, 'leak', '1 pin'],
      [2, 'leak', '1 pin'],
      [3, 'leak', '1 pin'],
    ]);
  });

  it('says under which failure a step threw', () => {
    const broken: SweepScenario<Ledger> = {
      ...ledger(),
      steps: ({ failure }) => [
        () => {
          if (failure.fails('pin')) throw new Error('bug');
          return done;
        },
      ],
    };
    expect(() => sweepFailures(broken)).toThrow('failure 1 (pin): step 0 threw');
  });
});
