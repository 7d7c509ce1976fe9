import { isLeft, isRight, right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import {
  createMachine,
  done,
  machineRefusals,
  UserAccount,
  type Machine,
  type MachineService,
} from '../../src/index.js';
import { codeOf } from '../memory/machine-pages.js';
import { testBackend, testFunction, type SeenBackend } from './test-backend.js';

const ADDR = 0x200_0000_0000n;

function setUp(services: MachineService[] = []): { machine: Machine; seen: SeenBackend } {
  const seen = testBackend('x');
  return { machine: createMachine({ backend: seen.definition, services }), seen };
}

describe('plug', () => {
  it('gives a device its requester id, its group, its way to memory and its interrupt line', () => {
    const { machine } = setUp();
    const fn = testFunction();
    const plugged = machine.plug({ function: fn, address: '0001:3a:1f.5', group: 4 });
    if (isLeft(plugged)) throw new Error('plug was refused');
    const { iommu } = plugged.right;
    expect(iommu).toMatchObject({ name: '0001:3a:1f.5', segment: 1, requesterId: 0x3afd, group: { id: 4 } });
    fn.port?.write(0x5000n, Uint8Array.of(9));
    expect(machine.memory.load32(0, 0x5000)).toBe(9);
    const raised: unknown[] = [];
    fn.interrupt?.('msi', 1);
    plugged.right.interrupts = (kind, vector) => void raised.push([kind, vector]);
    fn.interrupt?.('msi', 2);
    expect(raised).toEqual([['msi', 2]]);
  });

  it('puts devices of one group number into one group', () => {
    const { machine } = setUp();
    const groups = ['0000:00:01.0', '0000:00:01.1', '0000:00:02.0'].map((address, at) => {
      const plugged = machine.plug({ function: testFunction(), address, group: at >> 1 });
      return isRight(plugged) ? plugged.right.iommu.group : undefined;
    });
    expect(groups[0]).toBe(groups[1]);
    expect(groups[2]).not.toBe(groups[0]);
    expect(machine.iommufd.groupMembers(groups[0]!).map(({ name }) => name)).toEqual(['0000:00:01.0', '0000:00:01.1']);
  });
});

describe('unplug', () => {
  it('asks every service first, then tells them and the backend', () => {
    const order: string[] = [];
    let busy = true;
    const service: MachineService = {
      id: 'user',
      start: () => ({
        mayUnplug: () => (busy ? machineRefusals.refuse('UNPLUG_ABSENT', { user: 'the test' }) : done),
        unplugged: ({ iommu }) => void order.push(iommu.name),
      }),
    };
    const { machine, seen } = setUp([service]);
    machine.plug({ function: testFunction(), address: '0000:00:01.0', group: 1 });
    expect(isLeft(machine.unplug('0000:00:01.0'))).toBe(true);
    expect([machine.devices.length, seen.removed.length, order]).toEqual([1, 0, []]);
    busy = false;
    expect(machine.unplug('0000:00:01.0')).toEqual(done);
    expect([machine.devices.length, seen.removed.length, order]).toEqual([0, 1, ['0000:00:01.0']]);
    expect(codeOf(machine.unplug('0000:00:01.0'))).toBe('UNPLUG_ABSENT');
    expect(isRight(machine.plug({ function: testFunction(), address: '0000:00:01.0', group: 1 }))).toBe(true);
  });
});

describe('spawn', () => {
  it('starts processes of root, or of a user with fewer rights', () => {
    const { machine } = setUp();
    const user = new UserAccount();
    const [a, b, c] = [
      machine.spawn(),
      machine.spawn(),
      machine.spawn({ user, capabilities: [], limits: { memlock: 0n } }),
    ];
    expect(a.credentials.user).toBe(b.credentials.user);
    expect(c.credentials.user).toBe(user);
    expect([c.capable('ipc_lock'), c.limits.memlock, c.limits.nofile]).toEqual([false, 0n, 1024]);
    expect(machine.processes.alive()).toEqual([a, b, c]);
  });

  it('gives processes memory of their own', () => {
    const { machine } = setUp();
    const [a, b] = [machine.spawn(), machine.spawn()];
    for (const { addressSpace } of [a, b]) addressSpace.mmap(ADDR, 4096n, 'rw', { kind: 'private' });
    a.addressSpace.copyOut(ADDR, Uint8Array.of(1));
    expect(b.addressSpace.peek(ADDR, 1)).toEqual(Uint8Array.of(0));
  });
});

describe('close', () => {
  it('ends every process and finds nothing left', () => {
    const { machine } = setUp();
    machine.plug({ function: testFunction(), address: '0000:00:01.0', group: 1 });
    const process = machine.spawn();
    process.addressSpace.mmap(ADDR, 0x40_0000n, 'rw', { kind: 'huge2m' });
    process.addressSpace.copyOut(ADDR, Uint8Array.of(1));
    process.fork();
    expect(machine.close()).toEqual({
      userFrames: 0,
      pins: 0,
      lockedPages: 0,
      chargedBytes: 0,
      tableFrames: 0,
      objects: [],
    });
    expect(machine.processes.alive()).toEqual([]);
  });

  it('reports what is still held', () => {
    const { machine } = setUp([{ id: 'leaky', start: () => ({ liveObjects: () => ['ioas 1'] }) }]);
    const process = machine.spawn();
    process.addressSpace.mmap(ADDR, 8192n, 'rw', { kind: 'private' });
    process.addressSpace.pinPages(Number(ADDR / 4096n), 2, true, new Float64Array(2), 0);
    machine.root.lockedPages = 2;
    machine.tableFrames.allocate(1);
    expect(machine.close()).toEqual({
      userFrames: 2,
      pins: 2,
      lockedPages: 2,
      chargedBytes: 8192,
      tableFrames: 2,
      objects: ['ioas 1'],
    });
  });

  it('releases files that the processes left open', () => {
    const released: number[] = [];
    const { machine } = setUp();
    machine.namespace.register('/dev/x', ({ process }) =>
      right({ kind: 'x', release: () => void released.push(process.pid) }),
    );
    const [a, b] = [machine.spawn(), machine.spawn()];
    b.open('/dev/x');
    a.open('/dev/x');
    machine.close();
    expect(released).toEqual([a.pid, b.pid]);
  });
});
