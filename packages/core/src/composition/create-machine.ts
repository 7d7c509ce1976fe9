import { isLeft } from 'fp-ts/lib/Either.js';
import { Container, ContainerModule } from 'inversify';
import { describeRefusal } from '../errno/index.js';
import { ManualClock } from '../hardware/index.js';
import { DmaOwnership, linux612, PageRequestRouter } from '../iommufd/index.js';
import { FrameAllocator, MemoryBudget, PageFrames, PhysicalMemory } from '../memory/index.js';
import { requireOptions } from '../options/index.js';
import { DeviceNamespace, ProcessFamily } from '../process/index.js';
import { backendModule, type BackendDefinition } from './backend-definition.js';
import { DeviceBus } from './device-bus.js';
import { iommufdService } from './iommufd-service.js';
import { machineMemory } from './machine-memory.js';
import { machineOptions, type MachineOptions } from './machine-options.js';
import type { MachineParts } from './machine-parts.js';
import { Machine } from './machine.js';
import { BACKEND_ENVIRONMENT, MACHINE_PARTS, MACHINE_SERVICE } from './tokens.js';

/** Room for 16384 tables, which map 32 GiB in pages of 4 KiB. Zeroed by the operating system as it is touched. */
const DEFAULT_ARENA_BYTES = 0x400_0000;
const DEFAULT_USER_BYTES = 0x4_0000_0000;
/** TEMP_MEMORY_LIMIT of Linux. */
const TEMP_MEMORY_BYTES = 0x1_0000;

/** An IOMMU and what goes around it. */
export interface CreateMachine extends MachineOptions {
  /** A definition such as `intelVtd()`, or a module that binds `BACKEND` (and perhaps more `MACHINE_SERVICE`s). */
  readonly backend: BackendDefinition | ContainerModule;
}

/**
 * Makes a machine. It shares nothing with other machines and needs no clean-up; {@link Machine.close} reports leaks.
 *
 * @throws RangeError with one message that names path, value and what is allowed, when an option is wrong; Error when a device
 * cannot be plugged
 *
 * @example
 * ```ts
 * const machine = createMachine({ backend: intelVtd(), services: [vfio({ personality: 'type1' })] });
 * const program = machine.spawn();
 * const container = program.open('/dev/vfio/vfio');
 * ```
 */
export function createMachine({ backend, ...input }: CreateMachine): Machine {
  const options = requireOptions('createMachine', machineOptions, input);
  const parts = makeParts(options);
  const container = new Container({ defaultScope: 'Singleton' });
  container.bind(MACHINE_PARTS).toConstantValue(parts);
  container.bind(BACKEND_ENVIRONMENT).toConstantValue({ ...parts, pageSize: parts.pages.pageSize });
  for (const service of [iommufdService, ...(options.services ?? [])])
    container.bind(MACHINE_SERVICE).toConstantValue(service);
  container.load(backend instanceof ContainerModule ? backend : backendModule(backend));
  container.bind(Machine).toSelf();
  const machine = container.get(Machine);
  for (const spec of options.devices ?? []) {
    const plugged = machine.plug(spec);
    if (isLeft(plugged)) throw new Error(describeRefusal(plugged.left));
  }
  return machine;
}

function makeParts(options: MachineOptions): MachineParts {
  const failure = options.failure ?? null;
  const layout = machineMemory(options.arenaBytes ?? DEFAULT_ARENA_BYTES, options.userBytes ?? DEFAULT_USER_BYTES);
  const memory = new PhysicalMemory(layout.layout);
  const budget = new MemoryBudget(options.memoryLimit ?? Number.MAX_SAFE_INTEGER);
  const pageSize = options.pageSize ?? 4096;
  const profile = options.kernel ?? linux612;
  const bus = new DeviceBus();
  return {
    memory,
    tableFrames: new FrameAllocator(memory, layout.tables, { budget, failure }),
    pages: new PageFrames(memory, new FrameAllocator(memory, layout.user), pageSize),
    clock: options.clock ?? new ManualClock(),
    namespace: new DeviceNamespace(),
    processes: new ProcessFamily(),
    bus,
    kernel: profile,
    budget,
    failure,
    iommufd: {
      profile,
      pageSize,
      hugePageSize: (pageSize * pageSize) / 8,
      budget,
      failure,
      ownership: new DmaOwnership(),
      pageRequests: new PageRequestRouter(),
      allowUnsafeInterrupts: false,
      groupMembers: (group) => bus.membersOf(group),
      selfTest: false,
      tempMemory: { limit: TEMP_MEMORY_BYTES },
      contexts: new Set(),
      compatHandler: null,
      testIoctl: null,
    },
  };
}
