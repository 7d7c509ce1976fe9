import { right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { memoryRefusals, processRefusals, type IoctlCall } from '@ioasis/core';
import { replayTrace, type ReplayReport, type StepOutcome, type Trace } from '../../src/index.js';
import { fakeFile, fakeMachine, ioctl, ioctlFile, mapMemory, open, traceOf, worked } from './fake-kernel.js';

const ARGUMENT = 0x100_0000_0000n;

/** Differences of the only step that diverges. */
function differences(report: ReplayReport) {
  expect(report.divergences).toHaveLength(1);
  return report.divergences[0]?.differences;
}

function outcomes(trace: Trace, machine: ReturnType<typeof fakeMachine>): StepOutcome[] {
  const all: StepOutcome[] = [];
  replayTrace(
    trace,
    () => machine,
    {},
    ({ outcome }) => all.push(outcome),
  );
  return all;
}

/** An ioctl that adds 1 to the first byte of its block. */
const incrementing = ioctlFile(({ process, argument }) => {
  const block = process.addressSpace.peek(argument, 1);
  process.addressSpace.poke(argument, Uint8Array.of((block[0] ?? 0) + 1));
  return right(0);
});

describe('rule 1: memory', () => {
  it('shares a file between mappings of its name and respects protection', () => {
    const file = { op: 'mmap', len: '0x2000', kind: 'memfd0', off: '0x0', ...worked };
    const trace = traceOf(
      { ...file, addr: '0x20000000000', prot: 'rw' },
      { ...file, addr: '0x20000100000', prot: 'r', off: '0x1000' },
      { op: 'pattern', addr: '0x20000000ffe', len: '0x104', seed: 250 },
      // (seed + 7 i + 13 floor(i / 256)) mod 256 for i = 2, 3
      { op: 'peek', addr: '0x20000100000', data: '080f' },
      { op: 'peek', addr: '0x200001000fe', data: '070e' },
      { op: 'munmap', addr: '0x20000001000', len: '0x1000', ...worked },
      { op: 'peek', addr: '0x20000000ffe', data: 'fa01' },
      { op: 'mprotect', addr: '0x20000000000', len: '0x1000', prot: '', ...worked },
      { op: 'peek', addr: '0x20000000ffe', data: '' },
    );
    const report = replayTrace(trace, () => fakeMachine({}));
    expect(report).toMatchObject({ steps: 11, compared: 8, agreed: 8, divergences: [] });
  });

  it('asks for as many bytes as the recording has and reports fewer readable ones', () => {
    const trace = traceOf(
      mapMemory(),
      { op: 'peek', addr: '0x1000000fffe', data: '0000' },
      { op: 'peek', addr: '0x1000000ffff', data: '0000' },
    );
    const report = replayTrace(trace, () => fakeMachine({}));
    expect(differences(report)).toEqual([
      { what: 'data', expected: '0000', got: '00', fields: [{ field: 'bytes from 0x0', expected: '0000', got: '00' }] },
    ]);
  });
});

describe('rules 2 and 3: ioctl', () => {
  const machine = fakeMachine({ '/dev/x': incrementing });

  it('stores the argument even where the caller may not write, calls, and compares the bytes', () => {
    const trace = traceOf(
      mapMemory('0x10000000000', 'r'),
      open('x', '/dev/x', 3),
      ioctl('x', { nr: '0x1', in: '0aff', out: '0bff' }),
    );
    expect(replayTrace(trace, () => machine)).toMatchObject({ compared: 3, agreed: 3 });
  });

  it('stores and compares the buffers behind the argument', () => {
    const doubling = ioctlFile(({ process }) => {
      const [byte = 0] = process.addressSpace.peek(ARGUMENT + 0x100n, 1);
      process.addressSpace.poke(ARGUMENT + 0x100n, Uint8Array.of(byte * 2));
      return right(0);
    });
    const bufs = [{ addr: '0x10000000100', len: 2, in: '0401', out: '0801' }];
    const trace = traceOf(
      mapMemory(),
      open('x', '/dev/x', 3),
      ioctl('x', { nr: '0x1', in: '00', bufs }),
      ioctl('x', { nr: '0x1', in: '00', bufs: [{ ...bufs[0], out: '=' }] }),
    );
    const report = replayTrace(trace, () => fakeMachine({ '/dev/x': doubling }));
    expect(differences(report)).toMatchObject([{ what: 'bufs.0', expected: '0401', got: '0801' }]);
  });

  it('decodes the fields that differ by the tables of the ABI', () => {
    const info = {
      cmd: 'VFIO_IOMMU_GET_INFO',
      nr: '0x3b70',
      in: `18000000${'00'.repeat(20)}`,
      out: `1900000003${'00'.repeat(19)}`,
    };
    const trace = traceOf(mapMemory(), open('x', '/dev/x', 3), ioctl('x', info));
    expect(differences(replayTrace(trace, () => machine))).toMatchObject([
      { what: 'out', fields: [{ field: 'vfio_iommu_type1_info.flags', expected: '0x3', got: '0x0' }] },
    ]);
  });

  it('passes a plain number as it is and compares the value returned', () => {
    const calls: IoctlCall[] = [];
    const echo = ioctlFile((call) => {
      calls.push(call);
      return right(Number(call.argument));
    });
    const call = { op: 'ioctl', fd: 'x', cmd: 'VFIO_CHECK_EXTENSION', nr: '0x3b65', argval: '0x7', errno: null };
    const trace = traceOf(open('x', '/dev/x', 3), { ...call, ret: 7 }, { ...call, ret: 1 });
    expect(differences(replayTrace(trace, () => fakeMachine({ '/dev/x': echo })))).toEqual([
      { what: 'ret', expected: '1', got: '7', fields: [] },
    ]);
    expect(calls[0]).toMatchObject({ request: 0x3b65, argument: 7n });
  });

  it('reports why a call was refused where the recording has another errno', () => {
    const refusing = ioctlFile(() => memoryRefusals.refuse('MMAP_EMPTY', { addr: 0x10n }));
    const trace = traceOf(open('x', '/dev/x', 3), {
      op: 'ioctl',
      fd: 'x',
      cmd: 'NR',
      nr: '0x1',
      argval: '0x0',
      ...worked,
    });
    const [difference] = differences(replayTrace(trace, () => fakeMachine({ '/dev/x': refusing }))) ?? [];
    expect(difference).toMatchObject({
      what: 'errno',
      expected: 'ret 0',
      got: expect.stringContaining('EINVAL MMAP_EMPTY'),
    });
  });

  it('calls a descriptor bad when the call that should have made it failed', () => {
    const trace = traceOf(open('x', '/dev/absent', 3), { op: 'close', fd: 'x', fdnum: 3, ...worked });
    const report = replayTrace(trace, () => fakeMachine({}));
    expect(report.divergences.map(({ differences: [first] }) => first?.got)).toEqual([
      expect.stringContaining('ENOENT'),
      expect.stringContaining('EBADF'),
    ]);
  });
});

describe('rules 4 and 8: descriptor numbers', () => {
  const opened = [mapMemory(), open('a', '/dev/a', 3), open('b', '/dev/b', 4)];
  /** Keeps the block that each ioctl of /dev/a got. */
  const recording = (blocks: string[]) =>
    fakeMachine(
      {
        '/dev/a': ioctlFile(({ process, argument }) => {
          blocks.push(Buffer.from(process.addressSpace.peek(argument, 16)).toString('hex'));
          return right(0);
        }),
        '/dev/b': fakeFile({}),
      },
      2,
    );
  const block = (word: number, offset: number, op = 0): string => {
    const bytes = Buffer.alloc(16, 0xee);
    bytes.writeUInt32LE(op, 4);
    bytes.writeInt32LE(word, offset);
    return bytes.toString('hex');
  };

  it.each([
    ['VFIO_GROUP_SET_CONTAINER', '0x3b68', 0, 0],
    ['VFIO_DEVICE_BIND_IOMMUFD', '0x3b76', 8, 0],
    ['DESTROY_ACCESS_PAGES', '0x3ba0', 8, 6],
    ['ACCESS_PAGES', '0x3ba0', 8, 7],
    ['ACCESS_RW', '0x3ba0', 8, 8],
    ['ACCESS_REPLACE_IOAS', '0x3ba0', 8, 11],
  ])('translates the argument of %s', (_, nr, offset, op) => {
    const blocks: string[] = [];
    const trace = traceOf(
      ...opened,
      ioctl('a', { nr, in: block(4, offset, op) }),
      ioctl('a', { nr, in: block(-1, offset, op) }),
    );
    // Numbers here are 5 and 6 instead of 3 and 4; a number that was never open stays.
    expect(replayTrace(trace, () => recording(blocks))).toMatchObject({ compared: 5, agreed: 5 });
    expect(blocks).toEqual([block(6, offset, op), block(-1, offset, op)]);
  });

  it.each([
    ['another operation of the test command', '0x3ba0', 8, 5],
    ['another ioctl', '0x3b69', 0, 0],
  ])('does not touch %s', (_, nr, offset, op) => {
    const blocks: string[] = [];
    replayTrace(traceOf(...opened, ioctl('a', { nr, in: block(4, offset, op) })), () => recording(blocks));
    expect(blocks).toEqual([block(4, offset, op)]);
  });

  it('knows a number no longer once it is closed', () => {
    const blocks: string[] = [];
    const close = { op: 'close', fd: 'b', fdnum: 4, ...worked };
    replayTrace(traceOf(...opened, close, ioctl('a', { nr: '0x3b68', in: block(4, 0) })), () => recording(blocks));
    expect(blocks).toEqual([block(4, 0)]);
  });

  const making = (asReturn: boolean) =>
    fakeMachine(
      {
        '/dev/a': ioctlFile(({ process, argument }) => {
          const made = process.install(fakeFile({ read: () => right(5) }));
          if (made._tag === 'Left' || asReturn) return made;
          process.addressSpace.poke(argument + 4n, Uint8Array.of(made.right));
          return right(0);
        }),
      },
      1,
    );
  const readStep = { op: 'read', fd: 'new', addr: '0x10000000100', len: 0, ret: 5, errno: null, out: '' };

  it('translates a number returned in the block', () => {
    const call = ioctl('a', {
      nr: '0x1',
      in: '0000000000000000',
      out: '0000000004000000',
      newfd: { name: 'new', fdnum: 4, off: 4 },
    });
    const trace = traceOf(mapMemory(), open('a', '/dev/a', 3), call, readStep);
    expect(replayTrace(trace, () => making(false))).toMatchObject({ compared: 4, agreed: 4 });
  });

  it('translates a number that is the return value', () => {
    const call = ioctl('a', { nr: '0x1', in: '00', ret: 4, newfd: { name: 'new', fdnum: 4, off: -1 } });
    const trace = traceOf(mapMemory(), open('a', '/dev/a', 3), call, readStep);
    expect(replayTrace(trace, () => making(true))).toMatchObject({ compared: 4, agreed: 4 });
  });
});

describe('rule 7: EFAULT', () => {
  const faulting = ioctlFile(({ process, argument }) => {
    process.addressSpace.poke(argument, Uint8Array.of(1));
    return processRefusals.refuse('FD_CLOSED', { fd: 0 });
  });
  const efault = ioctlFile(({ process, argument }) => {
    process.addressSpace.poke(argument, Uint8Array.of(1));
    return memoryRefusals.refuse('MMAP_EMPTY');
  });

  it('compares no memory after an EFAULT, but still the errno', () => {
    const call = ioctl('x', { nr: '0x1', in: '00', ret: -1, errno: 'EFAULT' });
    const trace = traceOf(mapMemory(), open('x', '/dev/x', 3), call);
    expect(differences(replayTrace(trace, () => fakeMachine({ '/dev/x': efault })))).toMatchObject([
      { what: 'errno', expected: 'EFAULT' },
    ]);
  });

  it('compares memory after every other errno', () => {
    const call = ioctl('x', { nr: '0x1', in: '00', ret: -1, errno: 'EBADF' });
    const trace = traceOf(mapMemory(), open('x', '/dev/x', 3), call);
    expect(differences(replayTrace(trace, () => fakeMachine({ '/dev/x': faulting })))).toMatchObject([
      { what: 'out', expected: '00', got: '01' },
    ]);
  });
});

describe('reads, writes and polls', () => {
  it('stores what is written, compares what was read and the ready events', () => {
    const queue: number[] = [];
    const file = fakeFile({
      write(process, addr, bytes) {
        queue.push(...process.addressSpace.peek(addr, bytes));
        return right(bytes);
      },
      read(process, addr, bytes) {
        return right(process.addressSpace.poke(addr, Uint8Array.from(queue.splice(0, bytes))));
      },
      poll: () => (queue.length > 0 ? 0x5 : 0x4),
    });
    const trace = traceOf(
      mapMemory(),
      open('q', '/dev/q', 3),
      { op: 'poll', fd: 'q', revents: 4, ret: 1, errno: null },
      { op: 'write', fd: 'q', addr: '0x10000000000', len: 2, in: 'abcd', ret: 2, errno: null },
      { op: 'poll', fd: 'q', revents: 5, ret: 1, errno: null },
      { op: 'read', fd: 'q', addr: '0x10000000100', len: 4, ret: 2, errno: null, out: 'abcd0000' },
    );
    const machine = fakeMachine({ '/dev/q': file });
    expect(replayTrace(trace, () => machine)).toMatchObject({ compared: 6, agreed: 6 });
    const wrong = traceOf(open('q', '/dev/q', 3), { op: 'poll', fd: 'q', revents: 5, ret: 1, errno: null });
    expect(differences(replayTrace(wrong, () => machine))).toEqual([
      { what: 'revents', expected: '5', got: '4', fields: [] },
    ]);
  });
});

describe('limits and capabilities', () => {
  it('change the process of this scenario only', () => {
    const seen: [bigint, string[]][] = [];
    const file = ioctlFile(({ process }) => {
      seen.push([process.limits.memlock, [...process.credentials.capabilities].toSorted()]);
      return right(0);
    });
    const call = { op: 'ioctl', fd: 'x', cmd: 'NR', nr: '0x1', argval: '0x0', ...worked };
    const steps = [
      open('x', '/dev/x', 3),
      call,
      { op: 'rlimit', memlock: '0x4000', ...worked },
      { op: 'caps', dropped: 'ipc_lock', ...worked },
      call,
      { op: 'caps', dropped: '', ...worked },
      call,
    ];
    const trace = traceOf(...steps);
    const machine = fakeMachine({ '/dev/x': file });
    replayTrace({ ...trace, steps: [...trace.steps, ...trace.steps] }, () => machine);
    const all = ['ipc_lock', 'sys_rawio', 'sys_resource'];
    const once = [
      [8n << 20n, all],
      [0x4000n, ['sys_rawio', 'sys_resource']],
      [0x4000n, all],
    ];
    expect(seen).toEqual([...once, ...once]);
  });
});

describe('what is not compared', () => {
  it('notes and debug files only inform', () => {
    const trace = traceOf({ op: 'note', text: 'hello' }, { op: 'sysfile', path: '/sys/x', text: 'gone' });
    expect(replayTrace(trace, () => fakeMachine({}))).toMatchObject({ steps: 4, compared: 0, agreed: 0, scenarios: 1 });
    expect(outcomes(trace, fakeMachine({}))).toEqual([{}, {}, {}, {}]);
  });

  it('replays only the chosen scenarios, each on a machine of its own', () => {
    const trace = traceOf(open('x', '/dev/x', 3));
    const other = trace.steps.map((step) => ({ ...step, scenario: 'test/two' }));
    let machines = 0;
    const factory = () => {
      machines++;
      return fakeMachine({ '/dev/x': fakeFile({}) });
    };
    const both = { ...trace, steps: [...trace.steps, ...other] };
    expect(replayTrace(both, factory, { scenario: 'two' })).toMatchObject({ scenarios: 1, steps: 3, agreed: 1 });
    expect(machines).toBe(1);
    expect(replayTrace(both, factory)).toMatchObject({ scenarios: 2, agreed: 2 });
    expect(machines).toBe(3);
  });

  it('closes what the recording left open', () => {
    let released = 0;
    const file = fakeFile({ release: () => released++ });
    replayTrace(traceOf(open('x', '/dev/x', 3)), () => fakeMachine({ '/dev/x': file }));
    expect(released).toBe(1);
  });

  it('reports an exception at its step and goes on', () => {
    const throwing = ioctlFile(() => {
      throw new RangeError('a bug');
    });
    const call = { op: 'ioctl', fd: 'x', cmd: 'NR', nr: '0x1', argval: '0x0', ...worked };
    const report = replayTrace(
      traceOf(open('x', '/dev/x', 3), call, { op: 'close', fd: 'x', fdnum: 3, ...worked }),
      () => fakeMachine({ '/dev/x': throwing }),
    );
    expect(differences(report)).toMatchObject([{ what: 'exception', got: expect.stringContaining('a bug') }]);
    expect(report).toMatchObject({ compared: 3, agreed: 2 });
  });
});
