import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/index.js';

describe('ManualClock', () => {
  it('moves only when told', () => {
    const clock = new ManualClock();
    expect(clock.now()).toBe(0);
    clock.advance(3);
    clock.advance(0);
    expect(clock.now()).toBe(3);
  });

  it.each([-1, 0.5, Number.NaN])('does not advance by %s', (ticks) => {
    expect(() => new ManualClock().advance(ticks)).toThrow(RangeError);
  });
});
