import { isLeft, right } from 'fp-ts/lib/Either.js';
import {
  VfioDeviceAttachIommufdPt,
  VfioDeviceBindIommufd,
  VfioDeviceDetachIommufdPt,
  VfioDeviceInfo,
  VfioIrqInfo,
  VfioIrqSet,
  VfioRegionInfo,
  VfioRequest,
  type IoResult,
  type Process,
} from '@ioasis/core';
import { IrqSetFlag, PciRegionIndex, REGION_SHIFT } from '../abi/constants.js';
import { structCall } from './struct-call.js';

type Values<Layout extends { decode(bytes: Uint8Array): unknown }> = ReturnType<Layout['decode']>;

/** A device for TypeScript programs, however it was opened. */
export class VfioDeviceClient {
  readonly process: Process;
  readonly fd: number;

  constructor(process: Process, fd: number) {
    this.process = process;
    this.fd = fd;
  }

  /** Opens `/dev/vfio/devices/vfioN`; nothing works before {@link bind}. */
  static open(process: Process, index: number): IoResult<VfioDeviceClient> {
    const fd = process.open(`/dev/vfio/devices/vfio${index}`);
    return isLeft(fd) ? fd : right(new VfioDeviceClient(process, fd.right));
  }

  /** Binds the device to an open iommufd. @returns its id there */
  bind(iommufd: number): IoResult<number> {
    const argument = VfioDeviceBindIommufd.encode({ argsz: VfioDeviceBindIommufd.size, iommufd });
    const { result, bytes } = structCall(this.process, this.fd, VfioRequest.DEVICE_BIND_IOMMUFD, argument);
    return isLeft(result) ? result : right(VfioDeviceBindIommufd.decode(bytes).out_devid);
  }

  /** Attaches the device to an IOAS or a page table, or moves it there. @returns the id of the page table in use */
  attach(ptId: number): IoResult<number> {
    const argument = VfioDeviceAttachIommufdPt.encode({ argsz: VfioDeviceAttachIommufdPt.size, pt_id: ptId });
    const { result, bytes } = structCall(this.process, this.fd, VfioRequest.DEVICE_ATTACH_IOMMUFD_PT, argument);
    return isLeft(result) ? result : right(VfioDeviceAttachIommufdPt.decode(bytes).pt_id);
  }

  /** VFIO_DEVICE_DETACH_IOMMUFD_PT. */
  detach(): IoResult<number> {
    const argument = VfioDeviceDetachIommufdPt.encode({ argsz: VfioDeviceDetachIommufdPt.size });
    return structCall(this.process, this.fd, VfioRequest.DEVICE_DETACH_IOMMUFD_PT, argument).result;
  }

  /** VFIO_DEVICE_GET_INFO. */
  info(): IoResult<Values<typeof VfioDeviceInfo>> {
    const argument = VfioDeviceInfo.encode({ argsz: VfioDeviceInfo.size });
    const { result, bytes } = structCall(this.process, this.fd, VfioRequest.DEVICE_GET_INFO, argument);
    return isLeft(result) ? result : right(VfioDeviceInfo.decode(bytes));
  }

  /** VFIO_DEVICE_GET_REGION_INFO; `index` is a number of `PciRegionIndex`. */
  regionInfo(index: number): IoResult<Values<typeof VfioRegionInfo>> {
    const argument = VfioRegionInfo.encode({ argsz: VfioRegionInfo.size, index });
    const { result, bytes } = structCall(this.process, this.fd, VfioRequest.DEVICE_GET_REGION_INFO, argument);
    return isLeft(result) ? result : right(VfioRegionInfo.decode(bytes));
  }

  /** VFIO_DEVICE_GET_IRQ_INFO; `index` is a number of `PciIrqIndex`. */
  irqInfo(index: number): IoResult<Values<typeof VfioIrqInfo>> {
    const argument = VfioIrqInfo.encode({ argsz: VfioIrqInfo.size, index });
    const { result, bytes } = structCall(this.process, this.fd, VfioRequest.DEVICE_GET_IRQ_INFO, argument);
    return isLeft(result) ? result : right(VfioIrqInfo.decode(bytes));
  }

  /** Connects vectors `start` and following of an index to eventfds; -1 takes one away. */
  setIrqEvents(index: number, start: number, eventFds: readonly number[]): IoResult<number> {
    const data = new Uint8Array(4 * eventFds.length);
    for (const [at, fd] of eventFds.entries()) new DataView(data.buffer).setInt32(4 * at, fd, true);
    return this.setIrqs({ flags: IrqSetFlag.EVENTFD | IrqSetFlag.TRIGGER, index, start, count: eventFds.length }, data);
  }

  /** VFIO_DEVICE_SET_IRQS with its data behind the structure. */
  setIrqs(values: Partial<Values<typeof VfioIrqSet>>, data: Uint8Array = new Uint8Array(0)): IoResult<number> {
    const argsz = VfioIrqSet.size + data.length;
    const argument = new Uint8Array(argsz);
    argument.set(VfioIrqSet.encode({ argsz, ...values }));
    argument.set(data, VfioIrqSet.size);
    return structCall(this.process, this.fd, VfioRequest.DEVICE_SET_IRQS, argument).result;
  }

  /** VFIO_DEVICE_RESET. */
  reset(): IoResult<number> {
    return this.process.ioctl(this.fd, VfioRequest.DEVICE_RESET, 0n);
  }

  /** Reads a region; fewer bytes at its end. Offsets and lengths are bytes. */
  read(region: number, offset: number, bytes: number): IoResult<Uint8Array> {
    return this.process.scratch.borrow(bytes, (address) => {
      const count = this.process.pread(this.fd, address, bytes, positionOf(region, offset));
      return isLeft(count) ? count : right(this.process.addressSpace.peek(address, count.right));
    });
  }

  /** Writes to a region. @returns bytes written */
  write(region: number, offset: number, data: Uint8Array): IoResult<number> {
    return this.process.scratch.borrow(data.length, (address) => {
      this.process.addressSpace.poke(address, data);
      return this.process.pwrite(this.fd, address, data.length, positionOf(region, offset));
    });
  }

  /** Reads configuration space. */
  readConfig(offset: number, bytes: number): IoResult<Uint8Array> {
    return this.read(PciRegionIndex.CONFIG, offset, bytes);
  }

  /** Writes configuration space. */
  writeConfig(offset: number, data: Uint8Array): IoResult<number> {
    return this.write(PciRegionIndex.CONFIG, offset, data);
  }

  /** Closes the descriptor. */
  close(): IoResult<0> {
    return this.process.close(this.fd);
  }
}

const positionOf = (region: number, offset: number): bigint => (BigInt(region) << REGION_SHIFT) | BigInt(offset);
