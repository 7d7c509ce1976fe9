import { right } from 'fp-ts/lib/Either.js';
import type { IoctlCall, IoResult } from '@ioasis/core';
import type { VfioDevice } from '../device/vfio-device.js';
import type { VfioHost } from '../host.js';
import { vfioRefusals } from '../refusals.js';
import type { VfioGroup } from './vfio-group.js';

const { refuse } = vfioRefusals;

/** The device that the argument of VFIO_GROUP_GET_DEVICE_FD names (`vfio_device_get_from_name`, `vfio_pci_core_match`). */
export function findDevice(host: VfioHost, group: VfioGroup, call: IoctlCall): IoResult<VfioDevice> {
  const text = copyString(call);
  if (text._tag === 'Left') return text;
  const devices = host.devicesOf(group);
  for (const device of devices) {
    const { name } = device;
    if (!text.right.startsWith(name)) continue;
    const options = text.right.slice(name.length);
    if (options === '') return right(device);
    if (!options.startsWith(' ')) continue;
    // No function of this contract is virtual, so none takes a token.
    return options.trimStart() === '' ? right(device) : refuse('GROUP_DEVICE_OPTION', { name, options });
  }
  return refuse('GROUP_NO_SUCH_DEVICE', {
    name: text.right,
    group: group.iommu.id,
    devices: devices.map((device) => device.name).join(' '),
  });
}

/** `strndup_user`: the bytes before the first zero, which must come inside a page's worth of bytes. */
function copyString({ process, argument }: IoctlCall): IoResult<string> {
  const { addressSpace } = process;
  const bytes = new Uint8Array(addressSpace.pageSize);
  const readable = addressSpace.copyIn(argument, bytes);
  const end = bytes.subarray(0, readable).indexOf(0);
  if (end >= 0) return right(String.fromCharCode(...bytes.subarray(0, end)));
  if (readable === bytes.length) return refuse('GROUP_DEVICE_NAME_LENGTH', { atMost: bytes.length });
  return refuse('VFIO_ARGUMENT_UNREADABLE', { address: argument, readable });
}
