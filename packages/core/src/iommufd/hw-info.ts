import { HwCapability, IommuHwInfo } from '../abi/index.js';
import { BoundDevice } from './bound-device.js';
import type { IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const at = IommuHwInfo.offsets;
const RESERVED_BYTES = 3;
/** Zeroes behind a driver's data are written in pieces. */
const ZERO_CHUNK = new Uint8Array(4096);

/** IOMMU_GET_HW_INFO: the driver's data, cut or extended with zeroes to the caller's buffer (`iommufd_get_hw_info`). */
export const getHwInfo: IoctlHandler = (frame) => {
  const { view, state, process } = frame;
  const flags = view.getUint32(at.flags, true);
  if (flags !== 0) return refuse('HW_INFO_FLAGS', { flags });
  for (let byte = 0; byte < RESERVED_BYTES; byte++) {
    if (view.getUint8(at.__reserved + byte) !== 0) return refuse('HW_INFO_RESERVED_FIELD');
  }
  const id = view.getUint32(at.dev_id, true);
  const device = state.objects.find(id, BoundDevice);
  if (device === undefined) return state.refuseId('DEVICE_NOT_FOUND', id);

  const { type, data } = device.backend.hwInfo(device.device);
  const room = view.getUint32(at.data_len, true);
  const address = view.getBigUint64(at.data_uptr, true);
  const copied = data.subarray(0, room);
  const { addressSpace } = process;
  if (addressSpace.copyOut(address, copied) < copied.length) return refuse('HW_INFO_NOT_WRITABLE', { address, room });
  for (let offset = copied.length; offset < room;) {
    const zeroes = ZERO_CHUNK.subarray(0, Math.min(ZERO_CHUNK.length, room - offset));
    const to = BigInt.asUintN(64, address + BigInt(offset));
    if (addressSpace.copyOut(to, zeroes) < zeroes.length) return refuse('HW_INFO_NOT_WRITABLE', { address, room });
    offset += zeroes.length;
  }
  view.setUint32(at.data_len, data.length, true);
  view.setUint32(at.out_data_type, type, true);
  const { capabilities } = device;
  const { hwCapabilities } = state.environment.profile;
  const reported = hwCapabilities && capabilities.dirtyTracking ? HwCapability.DIRTY_TRACKING : 0;
  view.setBigUint64(at.out_capabilities, BigInt(reported), true);
  view.setUint8(at.out_max_pasid_log2, hwCapabilities ? capabilities.maxPasidLog2 : 0);
  return frame.respond();
};
