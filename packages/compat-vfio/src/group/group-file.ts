import { right } from 'fp-ts/lib/Either.js';
import {
  done,
  IommufdContext,
  VfioGroupStatus,
  VfioRequest,
  type IoctlCall,
  type IoResult,
  type OpenCall,
  type OpenFile,
} from '@ioasis/core';
import { GroupFlag } from '../abi/constants.js';
import { answer, copyArgument } from '../argument.js';
import { openThroughGroup } from '../device/open-device.js';
import type { VfioHost } from '../host.js';
import { vfioRefusals } from '../refusals.js';
import { ClassicContainer } from '../type1/classic-container.js';
import { findDevice } from './find-device.js';
import type { VfioGroup } from './vfio-group.js';

const { refuse } = vfioRefusals;

/** Opens `/dev/vfio/GROUP` (`vfio_group_fops_open`). */
export function openGroup(host: VfioHost, group: VfioGroup, { process }: OpenCall): IoResult<GroupFile> {
  if (group.noIommu && !process.capable('sys_rawio')) return refuse('GROUP_NOIOMMU_RAWIO', { group: group.iommu.id });
  if (group.boundDeviceFiles > 0)
    return refuse('GROUP_HAS_CDEV', { group: group.iommu.id, devices: group.boundDeviceFiles });
  if (group.openedFile !== undefined) return refuse('GROUP_OPEN_TWICE', { group: group.iommu.id });
  return right(new GroupFile(host, group));
}

/** The open file of a group. */
export class GroupFile implements OpenFile {
  readonly kind = 'vfio-group';
  readonly serves32Bit = true;
  readonly group: VfioGroup;
  readonly #host: VfioHost;
  /** The descriptor counts as one, each open device of a classic container as another. */
  #holders = 1;

  constructor(host: VfioHost, group: VfioGroup) {
    this.#host = host;
    this.group = group;
    group.openedFile = this;
  }

  ioctl(call: IoctlCall): IoResult<number> {
    switch (call.request) {
      case VfioRequest.GROUP_GET_DEVICE_FD:
        return this.#getDevice(call);
      case VfioRequest.GROUP_GET_STATUS:
        return this.#getStatus(call);
      case VfioRequest.GROUP_SET_CONTAINER:
        return this.#setContainer(call);
      case VfioRequest.GROUP_UNSET_CONTAINER:
        return this.#unsetContainer();
      default:
        return refuse('VFIO_UNKNOWN_IOCTL', { file: this.kind, request: call.request });
    }
  }

  /** An open device keeps the file although its descriptor may be closed. */
  hold(): void {
    this.#holders++;
  }

  /** The last descriptor is closed, or an open device is. The last of them gives the group back. */
  release(): void {
    if (--this.#holders > 0) return;
    const { group } = this;
    group.container?.detach(group);
    this.#leaveIommufd();
    group.openedFile = undefined;
  }

  #getStatus(call: IoctlCall): IoResult<0> {
    const argument = copyArgument(call, VfioGroupStatus);
    if (argument._tag === 'Left') return argument;
    const { group } = this;
    let flags = 0;
    if (group.inContainer) flags = GroupFlag.CONTAINER_SET | GroupFlag.VIABLE;
    else if (this.#host.machine.iommufd.ownership.ownerOf(group.iommu) === undefined) flags = GroupFlag.VIABLE;
    return answer(call, VfioGroupStatus.encode({ ...argument.right.values, flags }));
  }

  #setContainer(call: IoctlCall): IoResult<0> {
    const number = new Uint8Array(4);
    const { process, argument } = call;
    if (process.addressSpace.copyIn(argument, number) < number.length) {
      return refuse('VFIO_ARGUMENT_UNREADABLE', { address: argument, needed: number.length });
    }
    const fd = new DataView(number.buffer).getInt32(0, true);
    const file = process.fileOf(fd);
    if (file === undefined) return refuse('GROUP_CONTAINER_BADF', { fd });
    if (this.group.inContainer) return refuse('GROUP_CONTAINER_SET', { group: this.group.iommu.id });
    if (file instanceof ClassicContainer) return file.attach(this.group, process);
    if (file instanceof IommufdContext) return this.#joinIommufd(file);
    return refuse('GROUP_CONTAINER_KIND', { fd, kind: file.kind });
  }

  #joinIommufd(context: IommufdContext): IoResult<0> {
    const ready = this.group.noIommu ? context.compat.setNoIommu() : context.compat.ensure();
    if (ready._tag === 'Left') return ready;
    context.hold();
    this.group.iommufd = context;
    return done;
  }

  #unsetContainer(): IoResult<0> {
    const { group } = this;
    if (!group.inContainer) return refuse('GROUP_NOT_IN_CONTAINER', { group: group.iommu.id });
    if (group.container !== undefined) {
      const openDevices = group.containerUsers - 1;
      if (openDevices > 0) return refuse('GROUP_DEVICES_OPEN', { group: group.iommu.id, openDevices });
      group.container.detach(group);
    }
    this.#leaveIommufd();
    return done;
  }

  #leaveIommufd(): void {
    const { iommufd } = this.group;
    this.group.iommufd = undefined;
    iommufd?.drop();
  }

  #getDevice(call: IoctlCall): IoResult<number> {
    const device = findDevice(this.#host, this.group, call);
    if (device._tag === 'Left') return device;
    const file = openThroughGroup(this.#host, device.right, this, call.process);
    if (file._tag === 'Left') return file;
    const fd = call.process.install(file.right);
    if (fd._tag === 'Left') file.right.release();
    return fd;
  }
}
