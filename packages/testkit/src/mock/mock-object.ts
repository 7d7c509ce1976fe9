import { IommufdObject, type IommufdDevice } from '@ioasis/core';
import type { MockDevice } from './mock-backend.js';
import type { MockDevices } from './mock-devices.js';

/** The object of a mock device: destroying it detaches, unbinds and removes the device. It has its id before the device exists. */
export class MockObject extends IommufdObject {
  readonly kind = 'selftest';
  readonly #devices: MockDevices;
  #mock: MockDevice | undefined;
  #device: IommufdDevice | undefined;

  constructor(devices: MockDevices) {
    super();
    this.#devices = devices;
  }

  /** The bound device. */
  get device(): IommufdDevice {
    if (this.#device === undefined) throw new Error('a mock device is used before it is bound');
    return this.#device;
  }

  /** From here on the object stands for a device that is bound and attached. */
  own(mock: MockDevice, device: IommufdDevice): void {
    this.#mock = mock;
    this.#device = device;
  }

  destroy(): void {
    this.device.detach();
    this.device.unbind();
    if (this.#mock !== undefined) this.#devices.remove(this.#mock);
  }
}
