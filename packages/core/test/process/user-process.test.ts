import { isLeft, right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { done, PollEvent, processRefusals, UserAccount, type IoctlCall } from '../../src/index.js';
import { codeOf, testPages } from '../memory/machine-pages.js';
import { testProcess } from './process-fixture.js';

const ADDR = 0x200_0000_0000n;

describe('descriptors', () => {
  it('get the lowest free number from 3 on', () => {
    const { process, released } = testProcess();
    expect([process.open('/dev/a'), process.open('/dev/a'), process.open('/dev/a')]).toEqual(
      [3, 4, 5].map((fd) => right(fd)),
    );
    expect(process.close(4)).toEqual(done);
    expect(released).toEqual(['a']);
    expect(process.open('/dev/a')).toEqual(right(4));
    expect(process.descriptors()).toEqual([3, 4, 5]);
  });

  it('share a description after dup; the last close releases it', () => {
    const { process, released, file } = testProcess();
    const shared = file('shared');
    expect(process.install(shared)).toEqual(right(3));
    expect(process.dup(3)).toEqual(right(4));
    expect(process.fileOf(4)).toBe(shared);
    process.close(3);
    expect(released).toEqual([]);
    process.close(4);
    expect(released).toEqual(['shared']);
    expect(process.fileOf(4)).toBeUndefined();
  });

  it('end at the limit, before the device is asked', () => {
    const { process, namespace, file } = testProcess({ limits: { nofile: 4 } });
    let opens = 0;
    namespace.register('/dev/counted', () => {
      opens++;
      return right(file('counted'));
    });
    expect(process.open('/dev/counted')).toEqual(right(3));
    expect(
      [process.open('/dev/counted'), process.open('/none'), process.dup(3), process.install(file('b'))].map(codeOf),
    ).toEqual(Array.from({ length: 4 }, () => 'FD_LIMIT'));
    expect(opens).toBe(1);
    expect(testProcess().process.limits).toEqual({ memlock: 0x80_0000n, nofile: 1024 });
  });

  it('of a closed number refuse every call with EBADF', () => {
    const { process } = testProcess();
    const calls = [
      process.close(3),
      process.dup(0),
      process.ioctl(3, 1, 0n),
      process.read(-1, 0n, 1),
      process.write(3, 0n, 1),
      process.pread(3, 0n, 1, 0n),
      process.pwrite(3, 0n, 1, 0n),
      process.mmap(3, ADDR, 4096n, 'r', 0n),
    ];
    expect(calls.map(codeOf)).toEqual(calls.map(() => 'FD_CLOSED'));
    expect(processRefusals.rules.FD_CLOSED.errno).toBe('EBADF');
    expect(process.poll(3, PollEvent.IN)).toBe(PollEvent.NVAL);
  });
});

describe('open', () => {
  it('refuses unknown paths and passes on what the device refuses', () => {
    const { process, namespace } = testProcess();
    namespace.register('/dev/busy', ({ flags }) => processRefusals.refuse('FILE_NO_READ', { flags }));
    expect(codeOf(process.open('/dev/b'))).toBe('PATH_UNKNOWN');
    const refused = process.open('/dev/busy', 0);
    expect(isLeft(refused) && refused.left).toMatchObject({ code: 'FILE_NO_READ', facts: { flags: 0 } });
    expect(process.open('/dev/a')).toEqual(right(3));
  });
});

describe('calls that a file does not have', () => {
  it('are refused as the kernel refuses them', () => {
    const { process, file } = testProcess();
    process.install(file('bare'));
    process.install(file('stream', { read: () => right(1), write: () => right(1) }));
    const errno = (result: ReturnType<typeof process.ioctl>) => (isLeft(result) ? result.left.errno : 'ok');
    const calls = (fd: number) => [
      errno(process.ioctl(fd, 1, 0n)),
      errno(process.read(fd, 0n, 1)),
      errno(process.write(fd, 0n, 1)),
      errno(process.pread(fd, 0n, 1, 0n)),
      errno(process.pwrite(fd, 0n, 1, 0n)),
      isLeft(process.mmap(fd, ADDR, 4096n, 'r', 0n)),
    ];
    expect(calls(3)).toEqual(['ENOTTY', 'EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', true]);
    expect(calls(4)).toEqual(['ENOTTY', 'ok', 'ok', 'ESPIPE', 'ESPIPE', true]);
    expect(codeOf(process.mmap(3, ADDR, 4096n, 'r', 0n))).toBe('FILE_NO_MMAP');
    expect(codeOf(process.pread(99, 0n, 1, 1n << 63n))).toBe('FILE_OFFSET_NEGATIVE');
    expect(process.poll(3, PollEvent.IN | PollEvent.PRI)).toBe(PollEvent.IN);
  });
});

describe('calls that a file has', () => {
  it('reach it with the process and unsigned arguments', () => {
    const { process, file } = testProcess();
    const seen: IoctlCall[] = [];
    process.install(
      file('full', {
        ioctl: (call) => {
          seen.push(call);
          return right(7);
        },
        pread: (_process, addr, bytes, offset) => right(Number(addr) + bytes + Number(offset)),
        pwrite: (_process, _addr, bytes) => right(bytes),
        poll: () => PollEvent.IN | PollEvent.OUT | PollEvent.ERR,
        mmap: ({ process: caller, addr, bytes, protection }) =>
          caller.addressSpace.mmap(addr, bytes, protection, { kind: 'private' }),
      }),
    );
    expect(process.ioctl(3, 0xc020_3b80 | 0, -1n)).toEqual(right(7));
    expect(seen).toEqual([{ process, request: 0xc020_3b80, argument: 0xffff_ffff_ffff_ffffn }]);
    expect(process.pread(3, 1n, 20, 300n)).toEqual(right(321));
    expect(process.pwrite(3, 1n, 20, 0n)).toEqual(right(20));
    expect(process.poll(3, PollEvent.OUT)).toBe(PollEvent.OUT | PollEvent.ERR);
    expect(process.mmap(3, ADDR, 4096n, 'r', 0n)).toEqual(right(ADDR));
    expect(process.addressSpace.peek(ADDR, 5000)).toHaveLength(4096);
  });
});

describe('fork', () => {
  it('shares descriptions and copies credentials and limits', () => {
    const { process, released } = testProcess({ capabilities: ['sys_rawio'] });
    process.open('/dev/a');
    process.limits.memlock = 4096n;
    process.addressSpace.lockedPages = 5;
    const forked = process.fork();
    if (isLeft(forked)) throw new Error('fork was refused');
    const child = forked.right;
    expect(child.pid).toBe(process.pid + 1);
    expect(child.fileOf(3)).toBe(process.fileOf(3));
    expect([child.capable('sys_rawio'), child.capable('ipc_lock')]).toEqual([true, false]);
    expect(child.credentials.user).toBe(process.credentials.user);
    expect([child.limits.memlock, child.addressSpace.lockedPages]).toEqual([4096n, 0]);
    child.limits.memlock = 0n;
    child.credentials.capabilities.clear();
    expect([process.limits.memlock, process.capable('sys_rawio')]).toEqual([4096n, true]);
    process.exit();
    expect(released).toEqual([]);
    child.exit();
    expect(released).toEqual(['a']);
  });

  it('is refused for lack of memory', () => {
    const { space } = testPages({ frames: 1 });
    const { process, family } = testProcess({ addressSpace: space });
    space.mmap(ADDR, 4096n, 'rw', { kind: 'private' });
    space.pinPages(Number(ADDR / 4096n), 1, true, new Float64Array(1), 0);
    expect(codeOf(process.fork())).toBe('FORK_NO_MEMORY');
    expect(family.alive()).toEqual([process]);
  });
});

describe('exit', () => {
  it('takes the memory away, then closes in ascending order', () => {
    const { process, released, file, family } = testProcess();
    process.addressSpace.mmap(ADDR, 4096n, 'rw', { kind: 'private' });
    const order: number[] = [];
    for (const name of ['x', 'y']) {
      process.install(
        file(name, { release: () => void order.push(process.addressSpace.peek(ADDR, 1).length, released.push(name)) }),
      );
    }
    process.exit();
    expect(released).toEqual(['x', 'y']);
    expect(order).toEqual([0, 1, 0, 2]);
    expect(family.alive()).toEqual([]);
    expect(() => process.exit()).toThrow(/has ended already/);
  });
});

describe('a process', () => {
  it('has all capabilities and the account of its address space unless told otherwise', () => {
    const { process } = testProcess();
    expect([...process.credentials.capabilities]).toEqual(['ipc_lock', 'sys_resource', 'sys_rawio']);
    expect(process.credentials.user).toBeInstanceOf(UserAccount);
    expect(process.credentials.user).toBe(process.addressSpace.user);
  });
});

describe('a 32-bit program', () => {
  it('passes 32 bits of an argument, to files that serve it', () => {
    const { process, file } = testProcess({ bits: 32 });
    const seen: bigint[] = [];
    const serving = (serves32Bit: boolean): number => {
      const ioctl = ({ argument }: IoctlCall): typeof done => {
        seen.push(argument);
        return done;
      };
      const fd = process.install({ ...file('it'), serves32Bit, ioctl });
      return isLeft(fd) ? -1 : fd.right;
    };
    expect(process.ioctl(serving(true), 0x3b64, 0x1_0000_0004n)).toEqual(done);
    expect(codeOf(process.ioctl(serving(false), 0x3b64, 0n))).toBe('FILE_NO_COMPAT_IOCTL');
    expect(seen).toEqual([4n]);
  });
});
