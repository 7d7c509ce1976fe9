import type { DeviceBus } from '@ioasis/core';
import type { MockDevice } from './mock-backend.js';

/** First requester number of mock devices: above those of PCI, because a mock device has no place on a bus. */
const FIRST_REQUESTER = 0x1_0000;

/** The mock devices of a machine, numbered from 0 by the lowest number that is free. */
export class MockDevices {
  readonly #bus: DeviceBus;
  readonly #devices: (MockDevice | undefined)[] = [];

  constructor(bus: DeviceBus) {
    this.#bus = bus;
  }

  /** A new device in a group of its own. */
  add(mockFlags: number): MockDevice {
    const free = this.#devices.indexOf(undefined);
    const number = free < 0 ? this.#devices.length : free;
    const device: MockDevice = {
      name: `iommufd_mock${number}`,
      segment: 0,
      requesterId: FIRST_REQUESTER + number,
      group: { id: -1 - number },
      mockFlags,
    };
    this.#devices[number] = device;
    this.#bus.addHidden(device);
    return device;
  }

  /** The device is gone; nothing is attached to it. */
  remove(device: MockDevice): void {
    this.#devices[this.#devices.indexOf(device)] = undefined;
    this.#bus.removeHidden(device);
  }
}
