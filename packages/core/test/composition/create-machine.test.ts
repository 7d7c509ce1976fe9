import { right } from 'fp-ts/lib/Either.js';
import { ContainerModule, inject, injectable } from 'inversify';
import { describe, expect, it } from 'vitest';
import {
  BACKEND,
  BACKEND_ENVIRONMENT,
  backendModule,
  createMachine,
  MACHINE_SERVICE,
  ManualClock,
  type BackendEnvironment,
  type DeviceSpec,
  type IommuBackend,
  type MachineService,
} from '../../src/index.js';
import { testBackend, testFunction } from './test-backend.js';

const device = (address: string, group = 1): DeviceSpec => ({ function: testFunction(), address, group });

describe('createMachine', () => {
  it('makes the usual machine around a backend', () => {
    const { definition, environments } = testBackend('x');
    const machine = createMachine({ backend: definition });
    expect(machine.backend.id).toBe('x');
    expect(machine.kernel.id).toBe('linux-6.12');
    expect(environments).toHaveLength(1);
    expect(environments[0]).toMatchObject({ pageSize: 4096, failure: null });
    expect(environments[0]?.memory).toBe(machine.memory);
    expect(environments[0]?.tableFrames.allocate(0)).toBe(machine.memory.arenaFirstFrame);
    expect(machine.iommufd.hugePageSize).toBe(0x20_0000);
    const process = machine.spawn();
    expect(process.limits).toEqual({ memlock: 8n << 20n, nofile: 1024 });
    expect(process.capable('ipc_lock')).toBe(true);
  });

  it('keeps machines apart', () => {
    const [a, b] = [testBackend('a'), testBackend('b')];
    const machines = [a, b].map(({ definition }) =>
      createMachine({ backend: definition, devices: [device('0000:00:01.0')] }),
    );
    machines[0]!.memory.store32(0, 0x1000, 7);
    expect(machines[1]!.memory.load32(0, 0x1000)).toBe(0);
    expect(machines.map(({ backend }) => backend.id)).toEqual(['a', 'b']);
    expect([a.added.length, b.added.length]).toEqual([1, 1]);
    expect(machines[0]!.spawn().pid).toBe(machines[1]!.spawn().pid);
  });

  it('passes on clock, failure points, page size and limits', () => {
    const { definition, environments } = testBackend('x');
    const clock = new ManualClock();
    const failure = { fails: () => false };
    const machine = createMachine({
      backend: definition,
      clock,
      failure,
      pageSize: 16384,
      memoryLimit: 8192,
      userBytes: 1 << 20,
    });
    expect(environments[0]).toMatchObject({ pageSize: 16384, failure, clock });
    expect(machine.iommufd).toMatchObject({
      pageSize: 16384,
      hugePageSize: 0x200_0000,
      failure,
      budget: machine.budget,
    });
    const frames = [0, 0, 0].map((order) => machine.tableFrames.allocate(order));
    expect(frames.map((frame) => frame === -1)).toEqual([false, false, true]);
    expect(machine.spawn().addressSpace.pageSize).toBe(16384);
  });

  it('takes a module instead of a definition, which may bind classes and services', () => {
    @injectable()
    class InjectedBackend {
      readonly id = 'injected';
      constructor(@inject(BACKEND_ENVIRONMENT) readonly environment: BackendEnvironment) {}
    }
    const started: string[] = [];
    const service = (id: string): MachineService => ({ id, start: () => ({ ...(started.push(id) && {}) }) });
    const module = new ContainerModule(({ bind }) => {
      bind(BACKEND).to(InjectedBackend as unknown as new () => IommuBackend);
      bind(MACHINE_SERVICE).toConstantValue(service('second'));
    });
    const machine = createMachine({ backend: module, services: [service('first')] });
    expect(machine.backend).toMatchObject({ id: 'injected', environment: { pageSize: 4096 } });
    expect(started.filter((id) => id !== 'iommufd')).toEqual(['first', 'second']);
    expect(createMachine({ backend: backendModule(testBackend('y').definition) }).backend.id).toBe('y');
  });

  it('lays memory out in three windows and a hole', () => {
    const { memory, pages } = createMachine({ backend: testBackend('x').definition, arenaBytes: 1 << 22 });
    expect(memory.arenaFrames).toBe(1024);
    const there = [
      0, 0x7_ffff, 0x8_0000, 0xf_ffff, 0x10_0000, 0x13_ffff, 0x14_0000, 0x100_0000, 0x13f_ffff, 0x140_0000,
    ];
    expect(there.filter((frame) => memory.contains(frame))).toEqual([
      0, 0x7_ffff, 0x10_0000, 0x13_ffff, 0x100_0000, 0x13f_ffff,
    ]);
    expect(pages.allocate()).toBe(0x100_0000);
  });

  it('tells the garbage collector only of large arenas, so that small ones cost nothing to make', () => {
    const bufferOf = (arenaBytes?: number): ArrayBufferLike =>
      createMachine({ backend: testBackend('x').definition, ...(arenaBytes !== undefined && { arenaBytes }) }).memory
        .words.buffer;
    expect(bufferOf()).toBeInstanceOf(SharedArrayBuffer);
    expect(bufferOf(1 << 27)).toBeInstanceOf(ArrayBuffer);
  });

  it.each([
    [{ pageSize: 8192 }, 'createMachine: pageSize is 8192, expected one of 4096, 16384, 65536'],
    [{ arenaBytes: 5 }, 'createMachine: arenaBytes is 5, expected a power of two from 1048576 to 4294967296'],
    [
      { devices: [device('1:2')] },
      'createMachine: devices.0.address is "1:2", expected a PCI address such as 0000:00:01.0',
    ],
    [
      { devices: [device('0000:00:01.0', -1)] },
      'createMachine: devices.0.group is -1, expected an integer from 0 to 2147483647',
    ],
    [
      { devices: [{ address: '0000:00:01.0', group: 1 }] },
      'createMachine: devices.0.function is undefined, expected a PciFunction',
    ],
    [{ services: [{ id: 'x' }] }, 'createMachine: services.0 is {"id":"x"}, expected a MachineService'],
    [{ device: [] }, /^createMachine: device is "device", expected one of the keys devices, services, /],
  ])('refuses wrong options with one message (%#)', (options, message) => {
    const wrong = options as unknown as object;
    expect(() => createMachine({ backend: testBackend('x').definition, ...wrong })).toThrow(message);
  });

  it('says so when a device cannot be plugged', () => {
    const make = (...devices: DeviceSpec[]) => createMachine({ backend: testBackend('x').definition, devices });
    expect(() => make(device('dead:00:01.0'))).toThrow(/ENODEV PLUG_NOT_SERVED.*errno=19/);
    expect(() => make(device('0000:00:01.0'), device('0000:00:01.0'))).toThrow(/EEXIST PLUG_ADDRESS_TAKEN/);
  });

  it('starts services before the first device and gives them their paths', () => {
    const seen: string[] = [];
    const service: MachineService = {
      id: 'files',
      start: ({ namespace, bus }) => {
        seen.push(`start ${bus.devices.length}`);
        return {
          plugged: ({ iommu }) => {
            seen.push(`plugged ${iommu.name}`);
            namespace.register(`/dev/${iommu.name}`, () => right({ kind: 'own', release: () => undefined }));
          },
        };
      },
    };
    const machine = createMachine({
      backend: testBackend('x').definition,
      services: [service],
      devices: [device('0000:00:01.0')],
    });
    expect(seen).toEqual(['start 0', 'plugged 0000:00:01.0']);
    expect(machine.spawn().open('/dev/0000:00:01.0')).toEqual(right(3));
  });
});
