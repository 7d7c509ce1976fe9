import { right } from 'fp-ts/lib/Either.js';
import {
  done,
  VfioExtension,
  VfioRequest,
  type IoctlCall,
  type IoResult,
  type OpenFile,
  type Process,
} from '@ioasis/core';
import { VFIO_API_VERSION } from '../abi/constants.js';
import type { GroupContainer, VfioGroup } from '../group/vfio-group.js';
import type { VfioHost } from '../host.js';
import { vfioRefusals } from '../refusals.js';
import { attachGroup, detachGroup, releaseState, type GroupMembers } from './attach-group.js';
import type { MediatedDevice } from './mediated-device.js';
import { MediatedPort } from './mediated-port.js';
import { type1Refusals } from './refusals.js';
import { Type1State } from './state.js';
import { type1Extension, type1Ioctl } from './type1-ioctl.js';

const { refuse } = type1Refusals;

/** The driver of a container that has a type: the classic one, or the one for groups without IOMMU, which translates nothing. */
type ContainerDriver = Type1State | 'no-iommu';

/**
 * `/dev/vfio/vfio` as the classic container serves it (container.c). The file is only a name: what it holds lives as long as one of its groups
 * does, and goes with the last one, even while the file is open.
 */
export class ClassicContainer implements OpenFile, GroupContainer {
  readonly kind = 'vfio-container';
  readonly serves32Bit = true;
  readonly #host: VfioHost;
  /** Newest first. */
  readonly #groups: VfioGroup[] = [];
  #driver: ContainerDriver | undefined;

  constructor(host: VfioHost) {
    this.#host = host;
  }

  /** Whether the container has a type, so that devices can be opened. */
  get hasType(): boolean {
    return this.#driver !== undefined;
  }

  /** Mappings, domains and limits; undefined without a type. */
  get state(): Type1State | undefined {
    return this.#driver === 'no-iommu' ? undefined : this.#driver;
  }

  /** Serves an ioctl of the container or hands it to the driver that was chosen. Refuses with the errno of `vfio.c` and `vfio_iommu_type1.c`. */
  ioctl(call: IoctlCall): IoResult<number> {
    switch (call.request) {
      case VfioRequest.GET_API_VERSION:
        return right(VFIO_API_VERSION);
      case VfioRequest.CHECK_EXTENSION:
        return right(this.#extension(call.argument));
      case VfioRequest.SET_IOMMU:
        return this.#setType(call.argument, call.process);
      default:
        return this.#passOn(call);
    }
  }

  /** The file is closed; groups keep the container. */
  release(): void {
    // Nothing is held by the file itself.
  }

  /** A mediated device joins; the container has a type that translates. For drivers in the kernel: no program can ask for it. */
  mediate(device: MediatedDevice): MediatedPort {
    const { state } = this;
    if (state === undefined) throw new Error('a mediated device needs a container with a type');
    return new MediatedPort(state, device);
  }

  /** VFIO_GROUP_SET_CONTAINER with this container (`vfio_container_attach_group`). */
  attach(group: VfioGroup, process: Process): IoResult<0> {
    const [other] = this.#groups;
    const facts = { group: group.iommu.id };
    if (group.noIommu && !process.capable('sys_rawio')) return vfioRefusals.refuse('GROUP_NOIOMMU_RAWIO', facts);
    if (other !== undefined && other.noIommu !== group.noIommu)
      return vfioRefusals.refuse('GROUP_MIXES_NOIOMMU', facts);
    const { ownership } = this.#host.machine.iommufd;
    if (!group.noIommu) {
      if (ownership.ownerOf(group.iommu) !== undefined) return vfioRefusals.refuse('GROUP_DMA_OWNED', facts);
      ownership.claim(group.iommu, group);
    }
    const { state } = this;
    const attached = state === undefined ? done : attachGroup(state, this.#members(group));
    if (attached._tag === 'Left') {
      ownership.release(group.iommu);
      return attached;
    }
    group.container = this;
    group.containerUsers = 1;
    this.#groups.unshift(group);
    return done;
  }

  /** The group leaves; the last one takes the type and all mappings with it (`vfio_group_detach_container`). */
  detach(group: VfioGroup): void {
    this.#groups.splice(this.#groups.indexOf(group), 1);
    const { state } = this;
    if (state !== undefined)
      detachGroup(
        state,
        this.#members(group),
        this.#groups.map((other) => this.#members(other)),
      );
    if (!group.noIommu) this.#host.machine.iommufd.ownership.release(group.iommu);
    group.container = undefined;
    group.containerUsers = 0;
    if (this.#groups.length === 0) this.#driver = undefined;
  }

  /** CHECK_EXTENSION: the driver answers, or without a type the first of all drivers that says yes. */
  #extension(extension: bigint): number {
    if (this.#driver === 'no-iommu') return this.#noIommuExtension(extension);
    if (this.#driver !== undefined) return type1Extension(this.#driver, extension);
    const asksType1 = this.#groups.length === 0 || this.#groups[0]?.noIommu !== true;
    const asksNoIommu = this.#groups.length === 0 || this.#groups[0]?.noIommu === true;
    const answered = asksType1 ? type1Extension(undefined, extension) : 0;
    return answered === 0 && asksNoIommu ? this.#noIommuExtension(extension) : answered;
  }

  #noIommuExtension(extension: bigint): number {
    return this.#host.options.noIommu === 'enabled' && extension === BigInt(VfioExtension.NOIOMMU) ? 1 : 0;
  }

  #setType(type: bigint, process: Process): IoResult<0> {
    if (this.#groups.length === 0) return refuse('TYPE1_NO_GROUP', { type });
    if (this.#driver !== undefined) return refuse('TYPE1_SET_TWICE', { type });
    if (this.#groups[0]?.noIommu === true) {
      if (this.#noIommuExtension(type) === 0) return refuse('TYPE1_UNKNOWN_TYPE', { type });
      if (!process.capable('sys_rawio')) return vfioRefusals.refuse('GROUP_NOIOMMU_RAWIO', { type });
      this.#driver = 'no-iommu';
      return done;
    }
    return this.#setType1(type);
  }

  #setType1(type: bigint): IoResult<0> {
    if (type1Extension(undefined, type) === 0) return refuse('TYPE1_UNKNOWN_TYPE', { type });
    const nesting = type === BigInt(VfioExtension.TYPE1_NESTING);
    const v2 = nesting || type === BigInt(VfioExtension.TYPE1V2);
    if (!v2 && type !== BigInt(VfioExtension.TYPE1)) return refuse('TYPE1_NOT_A_TYPE', { type });
    const { options, machine } = this.#host;
    const state = new Type1State(options.type1, machine.pages.pageSize, machine.failure, v2, nesting);
    const attached: GroupMembers[] = [];
    for (const group of this.#groups) {
      const members = this.#members(group);
      const joined = attachGroup(state, members);
      if (joined._tag === 'Left') {
        releaseState(state, attached);
        return joined;
      }
      attached.push(members);
    }
    this.#driver = state;
    return done;
  }

  #passOn(call: IoctlCall): IoResult<number> {
    if (this.#driver === undefined)
      return refuse('TYPE1_NOT_SET', { request: call.request, groups: this.#groups.length });
    if (this.#driver === 'no-iommu')
      return vfioRefusals.refuse('VFIO_UNKNOWN_IOCTL', { file: this.kind, request: call.request });
    return type1Ioctl(this.#driver, call);
  }

  #members(group: VfioGroup): GroupMembers {
    return this.#host.membersOf(group);
  }
}
