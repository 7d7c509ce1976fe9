import { isLeft, right } from 'fp-ts/lib/Either.js';
import { VfioGroupStatus, VfioRequest, type IoResult, type Process } from '@ioasis/core';
import type { VfioContainerClient } from './container-client.js';
import { VfioDeviceClient } from './device-client.js';
import { structCall } from './struct-call.js';

/** A group for TypeScript programs. */
export class VfioGroupClient {
  readonly process: Process;
  readonly fd: number;

  constructor(process: Process, fd: number) {
    this.process = process;
    this.fd = fd;
  }

  /** Opens `/dev/vfio/GROUP`. */
  static open(process: Process, group: number): IoResult<VfioGroupClient> {
    const fd = process.open(`/dev/vfio/${group}`);
    return isLeft(fd) ? fd : right(new VfioGroupClient(process, fd.right));
  }

  /** Flags of VFIO_GROUP_GET_STATUS: OR of `GroupFlag`. */
  status(): IoResult<number> {
    const argument = VfioGroupStatus.encode({ argsz: VfioGroupStatus.size });
    const { result, bytes } = structCall(this.process, this.fd, VfioRequest.GROUP_GET_STATUS, argument);
    return isLeft(result) ? result : right(VfioGroupStatus.decode(bytes).flags);
  }

  /** Puts the group into a container. */
  setContainer({ fd }: Pick<VfioContainerClient, 'fd'>): IoResult<number> {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, fd, true);
    return structCall(this.process, this.fd, VfioRequest.GROUP_SET_CONTAINER, bytes).result;
  }

  /** VFIO_GROUP_UNSET_CONTAINER. */
  unsetContainer(): IoResult<number> {
    return this.process.ioctl(this.fd, VfioRequest.GROUP_UNSET_CONTAINER, 0n);
  }

  /** Opens a device of the group, e.g. `0000:00:01.0`. */
  openDevice(name: string): IoResult<VfioDeviceClient> {
    const text = Uint8Array.from([...name].map((letter) => letter.charCodeAt(0)).concat(0));
    const { result } = structCall(this.process, this.fd, VfioRequest.GROUP_GET_DEVICE_FD, text);
    return isLeft(result) ? result : right(new VfioDeviceClient(this.process, result.right));
  }

  /** Closes the descriptor. */
  close(): IoResult<0> {
    return this.process.close(this.fd);
  }
}
