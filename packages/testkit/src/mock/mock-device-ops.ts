import { isLeft } from 'fp-ts/lib/Either.js';
import { BoundDevice, done, IommufdDevice, type DeviceBus, type IoctlFrame, type IoResult } from '@ioasis/core';
import { MockDeviceFlag } from './constants.js';
import type { MockBackend } from './mock-backend.js';
import { MockDevices } from './mock-devices.js';
import { MockObject } from './mock-object.js';
import { mockRefusals } from './refusals.js';
import { TestCommand } from './test-command.js';

const { refuse } = mockRefusals;
const KNOWN_FLAGS = MockDeviceFlag.NO_DIRTY | MockDeviceFlag.HUGE_IOVA;
const NO_PASID = 0;

/** Makes mock devices and reports their page requests. One for a machine. */
export class MockDeviceOps {
  readonly #backend: MockBackend;
  readonly #devices: MockDevices;

  constructor(backend: MockBackend, bus: DeviceBus) {
    this.#backend = backend;
    this.#devices = new MockDevices(bus);
  }

  /** MOCK_DOMAIN and MOCK_DOMAIN_FLAGS: a device with a group of its own, bound and attached to a page table or IOAS. */
  create(frame: IoctlFrame, flags: number): IoResult<0> {
    const { view, state } = frame;
    const at = TestCommand.MOCK_DOMAIN.offsets;
    const reserved = state.reserve(new MockObject(this.#devices));
    if (isLeft(reserved)) return reserved;
    const object = reserved.right;
    const attached = this.#attach(frame, flags, object);
    if (isLeft(attached)) {
      state.objects.abort(object);
      return attached;
    }
    view.setUint32(at.out_stdev_id, object.id, true);
    view.setUint32(at.out_hwpt_id, attached.right, true);
    view.setUint32(at.out_idev_id, object.device.id, true);
    const responded = frame.respond();
    if (isLeft(responded)) state.objects.abortAndDestroy(object);
    else state.objects.publish(object);
    return responded;
  }

  /** Plugs in, binds and attaches a device; on refusal it is gone again. @returns the page table in use */
  #attach({ view, state }: IoctlFrame, flags: number, object: MockObject): IoResult<number> {
    if ((flags & ~KNOWN_FLAGS) !== 0) return refuse('TEST_DEVICE_FLAGS', { flags });
    const mock = this.#devices.add(flags);
    const bound = IommufdDevice.bind(state, mock, this.#backend, { keepsFileOpen: false });
    if (isLeft(bound)) {
      this.#devices.remove(mock);
      return bound;
    }
    const attached = bound.right.attach(view.getUint32(TestCommand.MOCK_DOMAIN.offsets.id, true));
    if (isLeft(attached)) {
      bound.right.unbind();
      this.#devices.remove(mock);
      return attached;
    }
    object.own(mock, bound.right);
    return attached;
  }

  /** MOCK_DOMAIN_REPLACE: moves a device to another page table or IOAS. */
  replace(frame: IoctlFrame): IoResult<0> {
    const { view, state } = frame;
    const at = TestCommand.MOCK_DOMAIN_REPLACE.offsets;
    const id = view.getUint32(at.id, true);
    const object = state.objects.find(id, MockObject);
    if (object === undefined) return refuse('TEST_DEVICE_NOT_FOUND', { id });
    const replaced = object.device.replace(view.getUint32(at.pt_id, true));
    if (isLeft(replaced)) return replaced;
    view.setUint32(at.pt_id, replaced.right, true);
    return frame.respond();
  }

  /** TRIGGER_IOPF: a page request of one page, the last of its group. Nobody listening is no error. */
  triggerPageRequest({ view, state }: IoctlFrame): IoResult<0> {
    const at = TestCommand.TRIGGER_IOPF.offsets;
    const id = view.getUint32(at.dev_id, true);
    const bound = state.objects.find(id, BoundDevice);
    if (bound === undefined) return refuse('TEST_DEVICE_NOT_FOUND', { id });
    if (bound.backend !== this.#backend) return refuse('TEST_IOPF_DEVICE', { id });
    const pasid = view.getUint32(at.pasid, true);
    state.environment.pageRequests.report(this.#backend, {
      device: bound.device,
      pasid: pasid === NO_PASID ? undefined : pasid,
      groupId: view.getUint32(at.grpid, true),
      lastInGroup: true,
      permissions: view.getUint32(at.perm, true),
      address: view.getBigUint64(at.addr, true),
    });
    return done;
  }
}
