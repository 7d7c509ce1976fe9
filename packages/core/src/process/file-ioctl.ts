import type { IoResult } from '../errno/index.js';
import { done } from '../errno/index.js';
import type { IoctlCall } from './process.js';
import { processRefusals } from './refusals.js';

const { refuse } = processRefusals;

/** Requests that the kernel serves for every file, whatever it is (asm-generic/ioctls.h, linux/fs.h). */
const FileRequest = {
  FIGETBSZ: 0x0002,
  FIONBIO: 0x5421,
  FIONCLEX: 0x5450,
  FIOCLEX: 0x5451,
  FIOASYNC: 0x5452,
} as const;

const INT_BYTES = 4;

/**
 * Serves a request in front of the file (`do_vfs_ioctl`). Nothing here sleeps or executes programs, so blocking mode and close-on-exec have
 * nowhere to show.
 * @returns undefined: the request is for the file
 */
export function fileIoctl(call: IoctlCall): IoResult<number> | undefined {
  switch (call.request) {
    case FileRequest.FIOCLEX:
    case FileRequest.FIONCLEX:
      return done;
    case FileRequest.FIONBIO:
      return readInt(call) === undefined ? unreadable(call) : done;
    case FileRequest.FIOASYNC: {
      const wanted = readInt(call);
      if (wanted === undefined) return unreadable(call);
      return wanted === 0 ? done : refuse('FILE_NO_SIGNALS', { request: call.request });
    }
    case FileRequest.FIGETBSZ:
      return writeBlockSize(call);
    default:
      return undefined;
  }
}

function readInt({ process, argument }: IoctlCall): number | undefined {
  const bytes = new Uint8Array(INT_BYTES);
  if (process.addressSpace.copyIn(argument, bytes) < INT_BYTES) return undefined;
  return new DataView(bytes.buffer).getInt32(0, true);
}

/** Block size of the file systems in which device files live. */
function writeBlockSize(call: IoctlCall): IoResult<number> {
  const { process, argument } = call;
  const bytes = new Uint8Array(INT_BYTES);
  new DataView(bytes.buffer).setInt32(0, process.addressSpace.pageSize, true);
  return process.addressSpace.copyOut(argument, bytes) < INT_BYTES ? unreadable(call) : done;
}

const unreadable = ({ request, argument }: IoctlCall): IoResult<number> =>
  refuse('FILE_IOCTL_ARGUMENT', { request, argument });
