import type { IoResult } from '../errno/index.js';
import type { OpenFile, Process } from './process.js';
import { processRefusals } from './refusals.js';

/** One open of a device file. */
export interface OpenCall {
  readonly process: Process;
  /** Flags of open(2). */
  readonly flags: number;
}

/** Opens one device file; a refusal is the errno of the open. */
export type DeviceOpener = (call: OpenCall) => IoResult<OpenFile>;

/** `/dev` of a machine. Paths come and go with devices. */
export class DeviceNamespace {
  readonly #openers = new Map<string, DeviceOpener>();

  /** Makes a device file; a second one of the same path is a bug of the caller. */
  register(path: string, open: DeviceOpener): void {
    if (this.#openers.has(path)) throw new Error(`${path} is registered already`);
    this.#openers.set(path, open);
  }

  /** Removes a device file. Files that are open stay open. */
  unregister(path: string): void {
    if (!this.#openers.delete(path)) throw new Error(`${path} is not registered`);
  }

  /** Paths in order of registration. */
  paths(): readonly string[] {
    return [...this.#openers.keys()];
  }

  /** Refusals: PATH_UNKNOWN, and what the device's open refuses. */
  open(path: string, call: OpenCall): IoResult<OpenFile> {
    const open = this.#openers.get(path);
    return open === undefined ? processRefusals.refuse('PATH_UNKNOWN', { path }) : open(call);
  }
}
