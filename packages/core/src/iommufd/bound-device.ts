import type { DeviceCapabilities, IommuBackend, IommuDevice } from '../domain/index.js';
import type { ContextState } from './context-state.js';
import type { DeviceGroup, GroupMember } from './device-group.js';
import { IommufdObject } from './object.js';

/** A device that a driver gave to an open /dev/iommu (`struct iommufd_device`). The driver holds it until it unbinds it. */
export class BoundDevice extends IommufdObject implements GroupMember {
  readonly kind = 'device';
  readonly state: ContextState;
  readonly device: IommuDevice;
  readonly backend: IommuBackend;
  readonly group: DeviceGroup;
  readonly capabilities: DeviceCapabilities;
  readonly #keepsFileOpen: boolean;

  constructor(
    state: ContextState,
    device: IommuDevice,
    backend: IommuBackend,
    group: DeviceGroup,
    keepsFileOpen: boolean,
  ) {
    super();
    this.state = state;
    this.device = device;
    this.backend = backend;
    this.group = group;
    this.capabilities = backend.capabilitiesOf(device);
    this.#keepsFileOpen = keepsFileOpen;
    if (keepsFileOpen) state.hold();
    group.bound++;
    // The driver is a user until it unbinds.
    this.users++;
  }

  /** Whether DMA of this device goes through the page table of its group. */
  get attached(): boolean {
    return this.group.attached.includes(this);
  }

  override references(): readonly IommufdObject[] {
    return this.attached && this.group.hwpt !== undefined ? [this.group.hwpt] : [];
  }

  override holders(): readonly string[] {
    return [`the driver of ${this.device.name}`, ...(this.attached ? ['its attachment'] : [])];
  }

  /** Gives the device back to the kernel's own drivers. */
  destroy(): void {
    const { state, group } = this;
    state.environment.ownership.release(group.group);
    if (--group.bound === 0) state.groups.delete(group.group.id);
    if (this.#keepsFileOpen) state.drop();
  }
}
