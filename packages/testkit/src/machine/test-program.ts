import { vfio, type Personality } from '@ioasis/compat-vfio';
import {
  createMachine,
  type LeakReport,
  type Machine,
  type MachineDevice,
  type MachineOptions,
  type PciFunction,
  type Process,
  type Protection,
  type TranslationUnit,
} from '@ioasis/core';
import type { ContainerModule } from 'inversify';
import { EduDevice } from '../devices/index.js';
import { backendOf, type BackendSource } from './backend-source.js';
import { must } from './must.js';
import { ProgramBuffer } from './program-buffer.js';
import type { Requester } from './requester.js';
import { spawnWithLimits, type TestLimits } from './test-limits.js';
import { WatchedDma } from './watched-dma.js';

/** What a test's machine is made of besides what `createMachine` takes. `services`, such as `checkers()`, come behind VFIO. */
export interface TestMachineOptions<Device extends PciFunction = EduDevice> extends Omit<
  MachineOptions,
  'devices' | 'memoryLimit'
> {
  /** The IOMMU: a vendor's definition, a named module or an inversify module that binds `BACKEND`. */
  readonly backend: BackendSource | ContainerModule;
  /** The device behind it; an {@link EduDevice} that drives 64 address bits unless given. */
  readonly device?: Device;
  /** Limits of the program and of the kernel; none unless given. */
  readonly limits?: TestLimits;
}

/** PCI address of the device of a test's machine, and the number of its group. */
export const TEST_DEVICE = { address: '0000:00:01.0', group: 1 } as const;

/** Page tables of a test are few; a machine with a small arena is made in a tenth of the time. */
const ARENA_BYTES = 0x40_0000;
const FIRST_VA = 0x7f00_0000_0000n;
const ALL_BITS = 0xffff_ffff_ffff_ffffn;

/** A machine with one device behind its IOMMU, and a program. The device is plugged, not opened: its DMA is blocked. */
export class TestProgram<Device extends PciFunction = EduDevice> implements Requester {
  readonly machine: Machine;
  readonly process: Process;
  /** The device as the machine has it. */
  readonly plugged: MachineDevice;
  /** The device's model. */
  readonly device: Device;
  /** DMA as the device, without its registers. */
  readonly dma: WatchedDma;
  readonly unit: TranslationUnit;
  readonly requesterId: number;
  #nextVa = FIRST_VA;

  /** @throws RangeError or Error as `createMachine` */
  constructor(options: TestMachineOptions<Device>, personality: Personality) {
    const { backend, device, limits = {}, services = [], ...rest } = options;
    this.device = device ?? (new EduDevice({ dmaMask: ALL_BITS }) as PciFunction as Device);
    const { kernelBytes: memoryLimit, dmaEntries: dmaEntryLimit } = limits;
    this.machine = createMachine({
      arenaBytes: ARENA_BYTES,
      ...rest,
      backend: backendOf(backend),
      devices: [{ function: this.device, ...TEST_DEVICE }],
      services: [vfio({ personality, ...(dmaEntryLimit !== undefined && { dmaEntryLimit }) }), ...services],
      ...(memoryLimit !== undefined && { memoryLimit }),
    });
    this.process = spawnWithLimits(this.machine, limits);
    this.plugged = this.machine.device(TEST_DEVICE.address)!;
    this.unit = this.machine.backend.unitOf(this.plugged.iommu);
    this.requesterId = this.plugged.iommu.requesterId;
    this.dma = new WatchedDma(this.plugged.port, this.unit);
  }

  /**
   * New memory of the program, private and anonymous, with an unmapped page behind it.
   * @param content its bytes from the start, or its length in bytes; rounded up to whole pages
   */
  buffer(content: Uint8Array | number, protection: Protection = 'rw'): ProgramBuffer {
    const pageBytes = BigInt(this.machine.pages.pageSize);
    const length = BigInt(typeof content === 'number' ? content : content.length);
    const bytes = ((length + pageBytes - 1n) / pageBytes) * pageBytes;
    must(this.process.addressSpace.mmap(this.#nextVa, bytes, protection, { kind: 'private' }));
    const buffer = new ProgramBuffer(this.process, this.#nextVa, bytes);
    this.#nextVa += bytes + pageBytes;
    if (typeof content !== 'number') buffer.write(0, content);
    return buffer;
  }

  /**
   * Ends every program and unplugs the device, for which a driver may keep structures as long as it is there.
   * @returns what is still held; may be asked again
   */
  close(): LeakReport {
    this.machine.close();
    if (this.machine.devices.length > 0) must(this.machine.unplug(TEST_DEVICE.address));
    const report = this.machine.close();
    // Structures that came with the device and went with it make the difference negative.
    return {
      ...report,
      chargedBytes: Math.max(0, report.chargedBytes),
      tableFrames: Math.max(0, report.tableFrames),
    };
  }
}
