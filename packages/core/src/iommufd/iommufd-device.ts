import { isLeft, right } from 'fp-ts/lib/Either.js';
import type { IommuBackend, IommuDevice } from '../domain/index.js';
import { type IoResult } from '../errno/index.js';
import { detachDevice, putHwpt } from './attach.js';
import { BoundDevice } from './bound-device.js';
import { changePageTable } from './change-page-table.js';
import type { ContextState } from './context-state.js';
import { DeviceGroup } from './device-group.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/** How a binding differs from that of a VFIO device. */
export interface BindOptions {
  /** The binding keeps the open file alive after its last descriptor is closed. False for the kernel's mock device. Default true. */
  readonly keepsFileOpen?: boolean;
}

/** A device on an open /dev/iommu, as its driver (VFIO) holds it. */
export class IommufdDevice {
  readonly #bound: BoundDevice;

  private constructor(bound: BoundDevice) {
    this.#bound = bound;
  }

  /** Gives a device to an open /dev/iommu (`iommufd_device_bind`). */
  static bind(
    state: ContextState,
    device: IommuDevice,
    backend: IommuBackend,
    options: BindOptions = {},
  ): IoResult<IommufdDevice> {
    const { environment, groups } = state;
    const capabilities = backend.capabilitiesOf(device);
    if (!capabilities.cacheCoherency) return refuse('BIND_NOT_COHERENT', { device: device.name });
    if (!capabilities.msiIsolated && !environment.allowUnsafeInterrupts) {
      return refuse('BIND_MSI_NOT_ISOLATED', { device: device.name });
    }
    if (!environment.ownership.claim(device.group, state)) {
      return refuse('BIND_GROUP_OWNED', { device: device.name, group: device.group.id });
    }
    const known = groups.get(device.group.id);
    const group = known ?? new DeviceGroup(device.group);
    groups.set(device.group.id, group);
    const bound = new BoundDevice(state, device, backend, group, options.keepsFileOpen ?? true);
    const reserved = state.reserve(bound);
    if (isLeft(reserved)) {
      bound.destroy();
      return reserved;
    }
    state.objects.publish(bound);
    return right(new IommufdDevice(bound));
  }

  /** Object id. */
  get id(): number {
    return this.#bound.id;
  }

  /** Whether the device is attached to a page table. */
  get attached(): boolean {
    return this.#bound.attached;
  }

  /**
   * Attaches to a page table or an IOAS (`iommufd_device_attach`).
   * @returns the id of the page table in use
   */
  attach(ptId: number): IoResult<number> {
    const attached = changePageTable(this.#bound, ptId, 'attach');
    // The attachment is a user: a device that is attached cannot be unbound.
    if (!isLeft(attached)) this.#bound.users++;
    return attached;
  }

  /** Moves an attached device (and its group) to another page table or IOAS (`iommufd_device_replace`). */
  replace(ptId: number): IoResult<number> {
    return changePageTable(this.#bound, ptId, 'replace');
  }

  /** Blocks the device's DMA (`iommufd_device_detach`). */
  detach(): void {
    const hwpt = detachDevice(this.#bound);
    putHwpt(this.#bound, hwpt);
    this.#bound.users--;
  }

  /** Gives the device back (`iommufd_device_unbind`). It must be detached. */
  unbind(): void {
    const { state } = this.#bound;
    if (!state.release(this.#bound)) throw new Error(`${this.#bound.device.name} is unbound while in use`);
  }
}
