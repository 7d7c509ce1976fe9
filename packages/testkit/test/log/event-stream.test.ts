import { describe, expect, it } from 'vitest';
import { callSite } from '../../src/log/call-site.js';
import { EventStream } from '../../src/log/event-stream.js';
import { intercept } from '../../src/log/intercept.js';
import { outermost, type LogEvent } from '../../src/index.js';

const register = { kind: 'register', unit: 0, offset: 0, value: 0n } as const;

describe('a stream', () => {
  it('counts events, and nests calls', () => {
    const stream = new EventStream();
    const seen: LogEvent[] = [];
    stream.listen({ event: (event) => seen.push(event) });
    stream.run({ name: 'outer', by: 'program' }, () =>
      stream.run({ name: 'inner', by: 'driver' }, () => stream.emit(register)),
    );
    expect(seen.map(({ kind, step }) => [kind, step])).toEqual([
      ['call', 1],
      ['call', 2],
      ['register', 3],
      ['return', 4],
      ['return', 5],
    ]);
    expect(seen[2]!.during).toMatchObject({
      name: 'inner',
      step: 2,
      returned: 4,
      within: { name: 'outer', returned: 5 },
    });
    expect(outermost(seen[2]!.during)?.name).toBe('outer');
    expect([seen[0]!.during, seen[4]!.during]).toEqual([undefined, undefined]);
  });

  it('ends a call that throws', () => {
    const stream = new EventStream();
    const seen: LogEvent[] = [];
    stream.listen({ event: (event) => seen.push(event) });
    const failing = (): never =>
      stream.run({ name: 'fails', by: 'program' }, () => {
        throw new Error('no');
      });
    expect(failing).toThrow('no');
    expect(seen.at(-1)).toMatchObject({ kind: 'return', outcome: 'threw' });
    expect(stream.call).toBeUndefined();
  });

  it('lets those that lag behind emit first', () => {
    const stream = new EventStream();
    const seen: number[] = [];
    stream.listen({ event: (event) => event.kind === 'register' && seen.push(event.offset) });
    let late = true;
    stream.settleWith(() => {
      if (late) stream.emitSettled({ ...register, offset: 1 });
      late = false;
    });
    stream.emit({ ...register, offset: 2 });
    expect(seen).toEqual([1, 2]);
  });
});

describe('intercept', () => {
  class Counter {
    #count = 0;
    add(by: number): number {
      return (this.#count += by);
    }
  }

  it('stands in front of one object, the last one first', () => {
    const [watched, other] = [new Counter(), new Counter()];
    intercept(watched, 'add', (add) => (by) => add(by + 1));
    intercept(watched, 'add', (add) => (by) => add(by * 2));
    expect([watched.add(1), other.add(1)]).toEqual([3, 1]);
  });
});

it('the place of a call is the first one that is not ioasis', () => {
  expect(callSite()).toMatch(/^\/.*event-stream\.test\.ts:\d+:\d+$/);
});
