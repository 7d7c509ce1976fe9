import { right } from 'fp-ts/lib/Either.js';
import { VfioDeviceBindIommufd, type IoctlCall, type IoResult } from '@ioasis/core';
import { copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';

/** Copies the argument of VFIO_DEVICE_BIND_IOMMUFD in and checks what can be checked without the device. @returns the descriptor */
export function bindArgument(call: IoctlCall): IoResult<number> {
  const argument = copyArgument(call, VfioDeviceBindIommufd);
  if (argument._tag === 'Left') return argument;
  const { flags, iommufd } = argument.right.values;
  if (flags !== 0 || iommufd < 0) return vfioRefusals.refuse('DEVICE_BIND_ARGUMENT', { flags, iommufd });
  return right(iommufd);
}
