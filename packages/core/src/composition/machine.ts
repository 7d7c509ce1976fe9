import { isLeft, right } from 'fp-ts/lib/Either.js';
import { inject, injectable, multiInject } from 'inversify';
import type { IommuBackend } from '../domain/index.js';
import { done, type IoResult } from '../errno/index.js';
import { DmaEngine, type Clock } from '../hardware/index.js';
import type { IommufdHost, KernelProfile } from '../iommufd/index.js';
import {
  AddressSpace,
  UserAccount,
  type FailureSource,
  type FrameAllocator,
  type MemoryBudget,
  type PageFrames,
  type PhysicalMemory,
} from '../memory/index.js';
import {
  TASK_SIZE_32,
  UserProcess,
  type Capability,
  type DeviceNamespace,
  type PointerBits,
  type Process,
  type ProcessFamily,
  type ProcessOptions,
  type ResourceLimits,
} from '../process/index.js';
import type { DeviceBus } from './device-bus.js';
import type { DeviceSpec, MachineDevice } from './machine-device.js';
import type { MachineParts } from './machine-parts.js';
import type { MachineHost, MachineService, RunningService } from './machine-service.js';
import { machineRefusals } from './refusals.js';
import { BACKEND, MACHINE_PARTS, MACHINE_SERVICE } from './tokens.js';

/** How a process differs from root's. */
export interface SpawnOptions {
  /** Effective capabilities; all unless given. */
  readonly capabilities?: Iterable<Capability>;
  readonly limits?: Partial<ResourceLimits>;
  /** Whose process it is; root's, shared by all processes of the machine, unless given. */
  readonly user?: UserAccount;
  /** 32: a 32-bit program on the 64-bit kernel; 64 unless given. */
  readonly bits?: PointerBits;
  /** Makes the process; a `UserProcess` unless given. For programs whose memory or descriptors are somewhere else. */
  readonly create?: (options: ProcessOptions) => Process;
}

/** What is still held after every process ended. All zero and empty: nothing leaked. */
export interface LeakReport {
  /** Frames of programs' memory. */
  readonly userFrames: number;
  /** Pins of programs' pages. */
  readonly pins: number;
  /** Pages counted as locked for root. */
  readonly lockedPages: number;
  /** Bytes charged to the machine's budget. */
  readonly chargedBytes: number;
  /** Frames of page tables beyond those that were there when the last device was plugged. A driver may keep some on purpose. */
  readonly tableFrames: number;
  /** Names of living kernel objects. */
  readonly objects: readonly string[];
}

/** A computer with an IOMMU. Made by `createMachine`. */
@injectable()
export class Machine implements MachineHost {
  readonly memory: PhysicalMemory;
  readonly tableFrames: FrameAllocator;
  readonly pages: PageFrames;
  readonly clock: Clock;
  readonly namespace: DeviceNamespace;
  readonly processes: ProcessFamily;
  readonly kernel: KernelProfile;
  readonly budget: MemoryBudget;
  readonly failure: FailureSource | null;
  readonly iommufd: IommufdHost;
  readonly bus: DeviceBus;
  readonly backend: IommuBackend;
  /** Account of root, whose processes {@link spawn} makes. */
  readonly root: UserAccount = new UserAccount();
  readonly #services: readonly RunningService[];
  #idleTableFrames: number;
  #idleCharge: number;

  constructor(
    @inject(MACHINE_PARTS) parts: MachineParts,
    @inject(BACKEND) backend: IommuBackend,
    @multiInject(MACHINE_SERVICE) services: MachineService[],
  ) {
    this.memory = parts.memory;
    this.tableFrames = parts.tableFrames;
    this.pages = parts.pages;
    this.clock = parts.clock;
    this.namespace = parts.namespace;
    this.processes = parts.processes;
    this.kernel = parts.kernel;
    this.budget = parts.budget;
    this.failure = parts.failure;
    this.iommufd = parts.iommufd;
    this.bus = parts.bus;
    this.backend = backend;
    this.#services = services.map((service) => service.start(this));
    this.#idleTableFrames = this.tableFrames.framesInUse;
    this.#idleCharge = this.budget.used;
  }

  get devices(): readonly MachineDevice[] {
    return this.bus.devices;
  }

  /** The device at a PCI address. */
  device(address: string): MachineDevice | undefined {
    return this.bus.find(address);
  }

  /** Starts a process of root without descriptors (but the standard three) and memory. */
  spawn(options: SpawnOptions = {}): Process {
    const user = options.user ?? this.root;
    const create = options.create ?? ((own: ProcessOptions): Process => new UserProcess(own));
    return create({
      family: this.processes,
      namespace: this.namespace,
      addressSpace: new AddressSpace({
        pages: this.pages,
        user,
        failure: this.failure,
        taskSize: options.bits === 32 ? TASK_SIZE_32 : undefined,
      }),
      bits: options.bits,
      capabilities: options.capabilities,
      limits: options.limits,
    });
  }

  /**
   * Adds a device to the bus; its DMA is blocked until something is attached.
   *
   * Refusals: PLUG_ADDRESS_TAKEN, PLUG_NOT_SERVED. @throws RangeError when the address is none
   */
  plug(spec: DeviceSpec): IoResult<MachineDevice> {
    const { address } = spec;
    if (this.device(address) !== undefined) return machineRefusals.refuse('PLUG_ADDRESS_TAKEN', { address });
    const iommu = this.bus.identify(address, spec.group, spec.virtualFunction);
    const errno = this.backend.addDevice(iommu);
    if (errno !== 0) return machineRefusals.refuse('PLUG_NOT_SERVED', { address, errno });
    const unit = this.backend.unitOf(iommu);
    const port = new DmaEngine(unit, this.memory, iommu.requesterId);
    const device: MachineDevice = { iommu, function: spec.function, port, interrupts: null };
    spec.function.connect(port, (kind, vector) => device.interrupts?.(kind, vector));
    spec.function.link?.(unit);
    this.bus.add(device);
    for (const service of this.#services) service.plugged?.(device);
    this.#idleTableFrames = this.tableFrames.framesInUse;
    this.#idleCharge = this.budget.used;
    return right(device);
  }

  /** Takes a device away. Refusals: UNPLUG_ABSENT, and those of services whose programs use it. */
  unplug(address: string): IoResult<0> {
    const device = this.device(address);
    if (device === undefined) return machineRefusals.refuse('UNPLUG_ABSENT', { address });
    for (const service of this.#services) {
      const answer = service.mayUnplug?.(device) ?? done;
      if (isLeft(answer)) return answer;
    }
    this.bus.remove(device);
    for (const service of this.#services) service.unplugged?.(device);
    this.backend.unitOf(device.iommu).connectEndpoint?.(device.iommu.requesterId, null);
    this.backend.removeDevice(device.iommu);
    return done;
  }

  /** Ends every process, the oldest first, and says what is still held. */
  close(): LeakReport {
    for (const process of this.processes.alive()) process.exit();
    return {
      userFrames: this.pages.framesInUse,
      pins: this.pages.pinCount,
      lockedPages: this.root.lockedPages,
      chargedBytes: this.budget.used - this.#idleCharge,
      tableFrames: this.tableFrames.framesInUse - this.#idleTableFrames,
      objects: this.#services.flatMap((service) => service.liveObjects?.() ?? []),
    };
  }
}
