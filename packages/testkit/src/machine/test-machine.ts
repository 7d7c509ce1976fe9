import { VfioDeviceClient } from '@ioasis/compat-vfio';
import { IommufdClient, type MapPermissions, type PciFunction } from '@ioasis/core';
import type { EduDevice } from '../devices/index.js';
import { must } from './must.js';
import type { ProgramBuffer } from './program-buffer.js';
import { TestProgram, type TestMachineOptions } from './test-program.js';

/**
 * A machine whose program has /dev/iommu open and its device bound and attached to an empty IOAS: what most tests of a DMA mapper start
 * with. All of it took the way of a real program; whatever is public in core works on its parts.
 */
export class TestMachine<Device extends PciFunction = EduDevice> extends TestProgram<Device> {
  readonly iommufd: IommufdClient;
  /** The device's VFIO file, for its driver: registers, configuration space, interrupts. */
  readonly vfio: VfioDeviceClient;
  /** Id of the device in the iommufd. */
  readonly deviceId: number;
  /** Id of the IOAS that the device is attached to. */
  readonly ioasId: number;

  /** @throws RangeError or Error as `createMachine`; Error with the refusal when a step of the set-up is refused */
  constructor(options: TestMachineOptions<Device>) {
    super(options, 'iommufd');
    this.iommufd = must(IommufdClient.open(this.process));
    this.vfio = must(VfioDeviceClient.open(this.process, 0));
    this.deviceId = must(this.vfio.bind(this.iommufd.fd));
    this.ioasId = must(this.iommufd.ioasAlloc());
    must(this.vfio.attach(this.ioasId));
  }

  /**
   * IOMMU_IOAS_MAP of a whole buffer.
   * @param iova fixed; the kernel chooses without one
   * @throws Error with the refusal; a test of refusals calls `iommufd.ioasMap`
   */
  map({ va, bytes }: ProgramBuffer, iova?: bigint, permissions: MapPermissions = {}): bigint {
    const fixed = iova === undefined ? {} : { iova };
    return must(this.iommufd.ioasMap({ ioasId: this.ioasId, userVa: va, length: bytes, ...fixed, ...permissions }));
  }

  /** IOMMU_IOAS_UNMAP. @throws Error with the refusal. @returns bytes unmapped */
  unmap(iova: bigint, length: bigint): bigint {
    return must(this.iommufd.ioasUnmap(this.ioasId, iova, length));
  }
}

/**
 * Makes a {@link TestMachine}. Machines share nothing.
 *
 * @example
 * ```ts
 * const pc = createTestMachine({ backend: intelVtd() }); // or amdVi(), armSmmuv3()
 * const buffer = pc.buffer(0x1000);
 * const iova = pc.map(buffer, 0x10_0000n);
 * pc.dma.write(iova, Uint8Array.of(1, 2, 3));
 * console.log(`the program reads ${buffer.read(0, 3).join()}`);
 * ```
 */
export const createTestMachine = <Device extends PciFunction = EduDevice>(
  options: TestMachineOptions<Device>,
): TestMachine<Device> => new TestMachine(options);
