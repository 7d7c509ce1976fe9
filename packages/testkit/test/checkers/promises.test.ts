import { describe, expect, it } from 'vitest';
import { Promises } from '../../src/checkers/promises.js';
import { EventStream } from '../../src/log/event-stream.js';
import type { EventOf } from '../../src/index.js';

const WORDS = [{ address: 0x1000n, before: 1n, after: 0n }];
const PAGE = { start: 0n, last: 0xfffn };

function stream(rawIsKept = true): { stream: EventStream; promises: Promises; write: () => EventOf<'write'> } {
  const made = new EventStream();
  const promises = new Promises(() => rawIsKept);
  made.listen(promises);
  const write = () => made.emit({ kind: 'write', by: 'software', words: WORDS }) as EventOf<'write'>;
  return { stream: made, promises, write };
}

describe('a write must be visible', () => {
  it('at once outside of calls, where the rule for such writes says so', () => {
    const strict = stream();
    expect(strict.promises.isKept(strict.write())).toBe(true);
    const lenient = stream(false);
    expect(lenient.promises.isKept(lenient.write())).toBe(false);
  });

  it("when the driver's call returns, though the program's still runs", () => {
    const { stream: its, promises, write } = stream();
    its.run({ name: 'ioctl', by: 'program' }, () => {
      const written = its.run({ name: 'attach', by: 'driver' }, () => {
        const inside = write();
        expect(promises.isKept(inside)).toBe(false);
        return inside;
      });
      expect(promises.isKept(written)).toBe(true);
    });
  });

  it('when the gather of an unmap is synchronized, and no other', () => {
    const { stream: its, promises, write } = stream();
    const written = its.run({ name: 'unmapPages', by: 'driver' }, () => {
      const inside = write();
      its.emit({ kind: 'unmap', domain: 1, range: PAGE, gather: 4 });
      return inside;
    });
    expect(promises.isKept(written)).toBe(false);
    its.emit({ kind: 'sync', domain: 1, of: 'unmap', gather: 5 });
    expect(promises.isKept(written)).toBe(false);
    its.emit({ kind: 'sync', domain: 1, of: 'unmap', gather: 4 });
    expect(promises.isKept(written)).toBe(true);
  });

  it('when everything of its domain is flushed', () => {
    const { stream: its, promises, write } = stream();
    const written = its.run({ name: 'unmapPages', by: 'driver' }, () => {
      const inside = write();
      its.emit({ kind: 'unmap', domain: 1, range: PAGE, gather: 4 });
      return inside;
    });
    its.emit({ kind: 'sync', domain: 2, of: 'all' });
    expect(promises.isKept(written)).toBe(false);
    its.emit({ kind: 'sync', domain: 1, of: 'all' });
    expect(promises.isKept(written)).toBe(true);
  });

  it('in any case when the call of the program returns', () => {
    const { stream: its, promises, write } = stream();
    const written = its.run({ name: 'ioctl', by: 'program' }, () =>
      its.run({ name: 'mapPages', by: 'driver' }, () => {
        const inside = write();
        its.emit({ kind: 'map', domain: 1, range: PAGE, pa: 0n, prot: 3 });
        return inside;
      }),
    );
    expect(promises.isKept(written)).toBe(true);
  });
});
