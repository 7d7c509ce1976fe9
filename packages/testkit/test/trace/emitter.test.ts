import { gunzipSync } from 'node:zlib';
import { right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { memoryRefusals, processRefusals } from '@ioasis/core';
import { emitStep, readTrace, replayTrace, type StepOutcome, type TraceStep } from '../../src/index.js';
import { fixture, fixturesIn } from '../fixtures.js';
import {
  fakeFile,
  fakeMachine,
  ioctl,
  ioctlFile,
  mapMemory,
  open,
  traceOf,
  worked,
  type TraceFields,
} from './fake-kernel.js';

/** A request number that the fake file refuses. */
const REFUSED = 0x3b01;

const resolved = (bytes: string, before: string): string => (bytes === '=' ? before : bytes);

/** The outcome of a kernel that does exactly what was recorded. */
function recordedOutcome(step: TraceStep): StepOutcome {
  const call = 'errno' in step ? { ret: step.ret, errno: step.errno } : {};
  switch (step.op) {
    case 'open':
      return { ...call, ...(step.fdnum !== undefined && { fdnum: step.fdnum }) };
    case 'ioctl': {
      const made = step.newfd === undefined ? {} : { newfd: step.newfd };
      if (!('arg' in step)) return { ...call, ...made };
      const out = resolved(step.out, step.in);
      const bufs = (step.bufs ?? []).map((buffer) => resolved(buffer.out, buffer.in));
      return { ...call, ...made, sent: step.in, wanted: out, out, bufs };
    }
    case 'read':
      return { ...call, out: step.out };
    case 'poll':
      return { ...call, revents: step.revents };
    case 'peek':
    case 'config':
      return { data: step.data };
    default:
      return call;
  }
}

describe('emitting a trace', () => {
  it.each(fixturesIn('traces'))('gives %s byte for byte when every outcome is the recorded one', (path) => {
    const bytes = fixture(path);
    const trace = readTrace(path, bytes);
    if (trace._tag === 'Left') throw new Error(trace.left.reason);
    const lines = [trace.right.headerLine, ...trace.right.steps.map((step) => emitStep(step, recordedOutcome(step)))];
    expect(lines.map((line) => `${line}\n`).join('') === gunzipSync(bytes).toString()).toBe(true);
  });

  /** Emits the steps between begin and end after a replay. */
  const emitted = (
    steps: readonly TraceFields[],
    machine: ReturnType<typeof fakeMachine>,
  ): Record<string, unknown>[] => {
    const lines: string[] = [];
    replayTrace(
      traceOf(...steps),
      () => machine,
      {},
      ({ step, outcome }) => lines.push(emitStep(step, outcome)),
    );
    return lines.slice(1, -1).map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it('writes our results, bytes and descriptors where they differ', () => {
    const machine = fakeMachine(
      {
        '/dev/x': ioctlFile(({ process, argument, request }) => {
          if (request === REFUSED) return memoryRefusals.refuse('MMAP_EMPTY');
          process.addressSpace.poke(argument + 4n, Uint8Array.of(9));
          return right(7);
        }),
      },
      1,
    );
    const buffers = [{ addr: '0x10000000004', len: 2, in: '0000', out: '=' }];
    const steps = emitted(
      [
        mapMemory(),
        open('x', '/dev/x', 3),
        ioctl('x', { nr: '0x1', in: '01020304aa', out: '=', bufs: buffers }),
        ioctl('x', { nr: '0x3b01', in: '0102', newfd: { name: 'y', fdnum: 4, off: 0 } }),
        { op: 'peek', addr: '0x10000000004', data: '00' },
        { op: 'open', fd: 'z', path: '/dev/absent', flags: 'O_RDWR', fdnum: 5, ...worked },
      ],
      machine,
    );
    expect(steps.slice(1)).toEqual([
      expect.objectContaining({ op: 'open', fdnum: 4, ret: 0, errno: null }),
      expect.objectContaining({ ret: 7, errno: null, out: '0102030409', bufs: [{ ...buffers[0], out: '0900' }] }),
      expect.not.objectContaining({ newfd: expect.anything() }),
      expect.objectContaining({ data: '09' }),
      expect.not.objectContaining({ fdnum: expect.anything() }),
    ]);
    expect(steps[3]).toMatchObject({ ret: -1, errno: 'EINVAL', out: '=' });
    expect(steps[5]).toMatchObject({ ret: -1, errno: 'ENOENT' });
  });

  it('adds a descriptor number where the recording has none, before the result', () => {
    const failed = { op: 'open', fd: 'x', path: '/dev/x', flags: 'O_RDWR', ret: -1, errno: 'ENOENT' };
    const [line] = emitted([failed], fakeMachine({ '/dev/x': fakeFile({}) }));
    expect(Object.keys(line ?? {}).slice(-3)).toEqual(['fdnum', 'ret', 'errno']);
    expect(line).toMatchObject({ fdnum: 3, ret: 0, errno: null });
  });

  it('is a trace that reads and replays without a difference', () => {
    const file = ioctlFile(({ process, argument }) => {
      process.addressSpace.poke(argument, Uint8Array.of(0xff));
      return processRefusals.refuse('FD_CLOSED');
    });
    const machine = fakeMachine({ '/dev/x': file });
    const steps = [mapMemory(), open('x', '/dev/x', 3), ioctl('x', { nr: '0x1', in: '00' })];
    const again = traceOf(
      ...(emitted(steps, machine) as TraceFields[]).map(({ seq: _, ...step }) => step as TraceFields),
    );
    expect(replayTrace(traceOf(...steps), () => machine)).toMatchObject({ compared: 3, agreed: 2 });
    expect(replayTrace(again, () => machine)).toMatchObject({ compared: 3, agreed: 3 });
  });
});
