import { isLeft } from 'fp-ts/lib/Either.js';
import { IOMMUFD_CMD_BASE } from '../abi/index.js';
import type { IommuBackend, IommuDevice } from '../domain/index.js';
import type { IoResult } from '../errno/index.js';
import type { IoctlCall, OpenFile } from '../process/index.js';
import type { CompatIoas } from './compat-ioas.js';
import { ContextState } from './context-state.js';
import type { IommufdEnvironment } from './environment.js';
import type { Ioas } from './ioas.js';
import { IoctlFrame } from './ioctl-frame.js';
import { ioctlTable, type IoctlEntry } from './ioctl-table.js';
import { IommufdDevice, type BindOptions } from './iommufd-device.js';
import type { KernelProfile } from './kernel-profile.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/** Serves the request numbers that are not iommufd's own: the VFIO container calls. compat-vfio installs one. */
export type CompatIoctlHandler = (context: IommufdContext, call: IoctlCall) => IoResult<number>;

/** What stands beside /dev/iommu in a kernel. Services set it when they start. */
export interface IommufdHost extends IommufdEnvironment {
  /** The VFIO container's calls; null: there is no compat-vfio, they are unknown. */
  compatHandler: CompatIoctlHandler | null;
  /** IOMMU_TEST_CMD of a kernel with CONFIG_IOMMUFD_TEST; null on others. */
  testIoctl: IoctlEntry | null;
}

/** An open `/dev/iommu`. */
export class IommufdContext implements OpenFile {
  readonly kind = 'iommufd';
  /** Objects and groups: for what stands beside VFIO, such as the kernel's mock device. */
  readonly state: ContextState;
  readonly #host: IommufdHost;
  readonly #frame: IoctlFrame;
  readonly #table: readonly (IoctlEntry | undefined)[];

  /** @param accountMode `user` when opened as /dev/iommu, `mm` when opened as /dev/vfio/vfio */
  constructor(host: IommufdHost, accountMode: 'user' | 'mm') {
    this.#host = host;
    this.state = new ContextState(host, accountMode);
    this.#frame = new IoctlFrame(this.state);
    this.#table = ioctlTable(host.profile, host.testIoctl);
    host.contexts.add(this.state);
  }

  get environment(): IommufdEnvironment {
    return this.#host;
  }

  get profile(): KernelProfile {
    return this.#host.profile;
  }

  /** The IOAS that the VFIO container calls work on. */
  get compat(): CompatIoas {
    return this.state.compat;
  }

  get accountMode(): 'user' | 'mm' {
    return this.state.accountMode;
  }

  /** The IOAS of an id. */
  ioas(id: number): Ioas | undefined {
    return this.state.ioas(id);
  }

  /** Gives a device to this file (`iommufd_device_bind`). */
  bindDevice(device: IommuDevice, backend: IommuBackend, options?: BindOptions): IoResult<IommufdDevice> {
    return IommufdDevice.bind(this.state, device, backend, options);
  }

  /** Keeps the file open although its last descriptor may be closed. */
  hold(): void {
    this.state.hold();
  }

  /** Undoes {@link hold}. */
  drop(): void {
    this.state.drop();
  }

  /**
   * The dispatch of `iommufd_fops_ioctl`: `size` is read before the number is looked at, and numbers outside the table are the VFIO
   * container's.
   */
  ioctl(call: IoctlCall): IoResult<number> {
    const { request, process, argument } = call;
    const number = (request & 0xff) - IOMMUFD_CMD_BASE;
    if (number < 0 || number >= this.#table.length) {
      const { compatHandler } = this.#host;
      return compatHandler === null ? refuse('IOCTL_UNKNOWN', { request }) : compatHandler(this, call);
    }
    const frame = this.#frame;
    const entry = this.#table[number];
    const begun = frame.begin(process, argument, entry?.size ?? 0);
    if (isLeft(begun)) return begun;
    if (entry === undefined || entry.request !== request) return refuse('IOCTL_UNKNOWN', { request });
    const loaded = frame.load(entry.minSize);
    return isLeft(loaded) ? loaded : entry.handler(frame);
  }

  release(): void {
    this.state.drop();
  }
}
