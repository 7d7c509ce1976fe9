import {
  MapFlag,
  VfioContainerClient,
  VfioGroupClient,
  type Personality,
  type VfioDeviceClient,
} from '@ioasis/compat-vfio';
import { VfioExtension, type PciFunction } from '@ioasis/core';
import type { EduDevice } from '../devices/index.js';
import { must } from './must.js';
import type { ProgramBuffer } from './program-buffer.js';
import { TEST_DEVICE, TestProgram, type TestMachineOptions } from './test-program.js';

/** A {@link ContainerMachine}'s options. */
export interface ContainerMachineOptions<Device extends PciFunction = EduDevice> extends TestMachineOptions<Device> {
  /** Who serves /dev/vfio/vfio: the classic driver, or iommufd's compatibility ioctls. `type1` unless given. */
  readonly personality?: Personality;
}

/** A machine whose program has the device in a VFIO container of type TYPE1v2, as VMMs, DPDK and SPDK use it. */
export class ContainerMachine<Device extends PciFunction = EduDevice> extends TestProgram<Device> {
  readonly container: VfioContainerClient;
  readonly group: VfioGroupClient;
  /** The device's VFIO file, for its driver. */
  readonly vfio: VfioDeviceClient;

  /** @throws RangeError or Error as `createMachine`; Error with the refusal when a step of the set-up is refused */
  constructor({ personality = 'type1', ...options }: ContainerMachineOptions<Device>) {
    super(options, personality);
    this.container = must(VfioContainerClient.open(this.process));
    this.group = must(VfioGroupClient.open(this.process, TEST_DEVICE.group));
    must(this.group.setContainer(this.container));
    must(this.container.setIommu(VfioExtension.TYPE1V2));
    this.vfio = must(this.group.openDevice(TEST_DEVICE.address));
  }

  /** VFIO_IOMMU_MAP_DMA of a whole buffer. @throws Error with the refusal */
  map({ va, bytes }: ProgramBuffer, iova: bigint, flags: number = MapFlag.READ | MapFlag.WRITE): void {
    must(this.container.mapDma({ vaddr: va, iova, size: bytes, flags }));
  }

  /** VFIO_IOMMU_UNMAP_DMA. @throws Error with the refusal. @returns bytes unmapped */
  unmap(iova: bigint, size: bigint): bigint {
    const answer = this.container.unmapDma({ iova, size });
    must(answer.result);
    return answer.size;
  }
}

/** Makes a {@link ContainerMachine}: `createContainerMachine({ backend: intelVtd(), limits: { dmaEntries: 4 } })`. */
export const createContainerMachine = <Device extends PciFunction = EduDevice>(
  options: ContainerMachineOptions<Device>,
): ContainerMachine<Device> => new ContainerMachine(options);
