import type { IommuBackend } from '../domain/index.js';
import type { IoResult } from '../errno/index.js';
import type { MachineDevice } from './machine-device.js';
import type { MachineParts } from './machine-parts.js';

/** What a service may hold on to: the machine without its life cycle. */
export interface MachineHost extends MachineParts {
  readonly backend: IommuBackend;
}

/** Something a machine's kernel offers to programs, such as the files below /dev/vfio. */
export interface MachineService {
  readonly id: string;
  /** Called once, before any device is plugged. */
  start(host: MachineHost): RunningService;
}

/** A service of one machine. Everything in it is optional. */
export interface RunningService {
  /** A device appeared. */
  plugged?(device: MachineDevice): void;
  /**
   * A device is about to go. The service lets go of it, or refuses while programs use it: then it stays. Services are asked in order of
   * their start, all of them before any `unplugged`.
   */
  mayUnplug?(device: MachineDevice): IoResult<0>;
  /** The device is gone. */
  unplugged?(device: MachineDevice): void;
  /** Names of objects that live although no process does: leaks. */
  liveObjects?(): readonly string[];
}
