import { IommufdObject, type DeviceBus, type IommufdDevice } from '@ioasis/core';
import type { MockDevice } from './mock-backend.js';

/** The object of a mock device: destroying it detaches, unbinds and removes the device. It has its id before the device is bound. */
export class MockObject extends IommufdObject {
  readonly kind = 'selftest';
  readonly #bus: DeviceBus;
  readonly #mock: MockDevice;
  #device: IommufdDevice | undefined;

  constructor(bus: DeviceBus, mock: MockDevice) {
    super();
    this.#bus = bus;
    this.#mock = mock;
  }

  /** The bound device. */
  get device(): IommufdDevice {
    if (this.#device === undefined) throw new Error('a mock device is used before it is bound');
    return this.#device;
  }

  set device(device: IommufdDevice) {
    this.#device = device;
  }

  destroy(): void {
    this.device.detach();
    this.device.unbind();
    this.#bus.removeHidden(this.#mock);
  }
}
