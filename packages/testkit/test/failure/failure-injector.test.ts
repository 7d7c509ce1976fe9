import { describe, expect, it } from 'vitest';
import { failEvery, FailureInjector, failNth } from '../../src/index.js';

const answers = (failure: FailureInjector, kinds: readonly Parameters<FailureInjector['fails']>[0][]): string =>
  kinds.map((kind) => (failure.fails(kind) ? 'x' : '.')).join('');

describe('FailureInjector', () => {
  it('fails the n-th point, whatever its kind, and no other', () => {
    const failure = failNth(2);
    expect(answers(failure, ['pin', 'allocate', 'pin'])).toBe('.x.');
    expect(failure.fired).toEqual(['allocate']);
    expect(failure.points).toBe(3);
  });

  it('counts only points of its kind', () => {
    const failure = failNth(2, 'pin');
    expect(answers(failure, ['pin', 'allocate', 'copy-in', 'pin', 'pin'])).toBe('...x.');
    expect(failure.points).toBe(3);
  });

  it('fails every point of a kind, or a few from a number on', () => {
    expect(answers(failEvery('backend'), ['backend', 'pin', 'backend'])).toBe('x.x');
    expect(answers(new FailureInjector({ nth: 2, times: 2 }), ['pin', 'pin', 'pin', 'pin'])).toBe('.xx.');
  });

  it('lets everything pass until it is armed and after it is disarmed', () => {
    const failure = new FailureInjector();
    expect(answers(failure, ['pin', 'pin'])).toBe('..');
    failure.arm({ nth: 1 });
    expect(answers(failure, ['pin', 'pin'])).toBe('x.');
    failure.disarm();
    expect(answers(failure, ['pin'])).toBe('.');
    expect(failure.fired).toEqual(['pin']);
    expect(failure.points).toBe(2);
    failure.arm({ nth: 2 });
    expect(failure.fired).toEqual([]);
  });

  it.each([{ nth: 0 }, { nth: 1.5 }, { times: 0 }])('counts from 1: %o', (plan) => {
    expect(() => new FailureInjector(plan)).toThrow('failures are counted from 1');
  });
});
