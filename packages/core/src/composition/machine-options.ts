import * as t from 'io-ts';
import type { Clock } from '../hardware/index.js';
import type { KernelProfile } from '../iommufd/index.js';
import type { FailureSource, PageSize } from '../memory/index.js';
import { flagOption, integerOption, oneOfOption, optionRecord, powerOfTwoOption, refined } from '../options/index.js';
import { PCI_ADDRESS } from './device-bus.js';
import type { DeviceSpec } from './machine-device.js';
import type { MachineService } from './machine-service.js';

/** How a machine differs from the usual one: x86-64 with Linux 6.12, 4 KiB pages, no devices. */
export interface MachineOptions {
  /** Devices that are there from the start. */
  readonly devices?: readonly DeviceSpec[];
  /** What the kernel offers besides /dev/iommu, e.g. VFIO. */
  readonly services?: readonly MachineService[];
  /** PAGE_SIZE in bytes: 4096, 16384 or 65536. */
  readonly pageSize?: PageSize;
  /**
   * Bytes of the memory array that page tables live in; a power of two from 1 MiB to 4 GiB, default 64 MiB. When it is full, maps are refused
   * with ENOMEM. Machines with more than the default take longer to make.
   */
  readonly arenaBytes?: number;
  /** Bytes of memory that programs can have; a power of two from 1 MiB to 256 GiB. Untouched memory costs nothing. */
  readonly userBytes?: number;
  /** Limit on what the kernel holds for programs (memory cgroup), bytes. */
  readonly memoryLimit?: number;
  /** Which kernel is modelled. */
  readonly kernel?: KernelProfile;
  /** Time; a clock that stands still unless given. */
  readonly clock?: Clock;
  /** Numbered failure points. */
  readonly failure?: FailureSource;
}

const MIB = 0x10_0000;
const GIB = 0x4000_0000;

const anObject = <A extends object>(allowed: string, has: (value: A) => boolean): t.Type<A> =>
  refined(t.object as unknown as t.Type<A>, allowed, has);

const device: t.Type<DeviceSpec> = optionRecord<DeviceSpec>(
  {
    function: anObject('a PciFunction', (value) => typeof value.connect === 'function'),
    address: refined(t.string, 'a PCI address such as 0000:00:01.0', (value) => PCI_ADDRESS.test(value)),
    group: integerOption(0, 0x7fff_ffff),
    virtualFunction: flagOption,
  },
  ['function', 'address', 'group'],
);

/** Codec of {@link MachineOptions}. */
export const machineOptions: t.Type<MachineOptions> = optionRecord<MachineOptions>({
  devices: t.readonlyArray(device),
  services: t.readonlyArray(anObject<MachineService>('a MachineService', ({ start }) => typeof start === 'function')),
  pageSize: oneOfOption(4096, 16384, 65536),
  arenaBytes: powerOfTwoOption(MIB, 4 * GIB),
  userBytes: powerOfTwoOption(MIB, 256 * GIB),
  memoryLimit: integerOption(0, Number.MAX_SAFE_INTEGER),
  kernel: anObject<KernelProfile>('a KernelProfile', ({ ioctls }) => ioctls instanceof Map),
  clock: anObject<Clock>('a Clock', ({ now }) => typeof now === 'function'),
  failure: anObject<FailureSource>('a FailureSource', ({ fails }) => typeof fails === 'function'),
});
