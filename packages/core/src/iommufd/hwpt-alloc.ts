import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuHwptAlloc } from '../abi/index.js';
import { HwptFlag, type HwptUserData } from '../domain/index.js';
import type { IoResult } from '../errno/index.js';
import { BoundDevice } from './bound-device.js';
import { FaultQueue } from './fault-queue.js';
import { HwptPaging, type HwPageTable } from './hwpt.js';
import { allocateNestedHwpt } from './hwpt-nested-alloc.js';
import { allocatePagingHwpt } from './hwpt-paging-alloc.js';
import type { IoctlFrame, IoctlHandler } from './ioctl-frame.js';
import { Ioas } from './ioas.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const at = IommuHwptAlloc.offsets;

/** IOMMU_HWPT_ALLOC: a page table over an IOAS, or the user's own on top of one (`iommufd_hwpt_alloc`). */
export const allocateHwpt: IoctlHandler = (frame) => {
  const { view, state } = frame;
  const u32 = (offset: number): number => view.getUint32(offset, true);
  if (u32(at.__reserved) !== 0) return refuse('HWPT_ALLOC_RESERVED_FIELD');
  if (!state.environment.profile.nesting) return allocateFlat(frame);
  const dataType = u32(at.data_type);
  const dataBytes = u32(at.data_len);
  if (dataType === 0 && dataBytes !== 0) return refuse('HWPT_ALLOC_DATA_WITHOUT_TYPE', { dataBytes });
  if (dataType !== 0 && dataBytes === 0) return refuse('HWPT_ALLOC_TYPE_WITHOUT_DATA', { dataType });
  const device = state.objects.find(u32(at.dev_id), BoundDevice);
  if (device === undefined) return state.refuseId('DEVICE_NOT_FOUND', u32(at.dev_id));
  const target = state.objects.any(u32(at.pt_id));
  if (target === undefined) return refuse('HWPT_ALLOC_TARGET_NOT_FOUND', { ptId: u32(at.pt_id) });

  const flags = u32(at.flags);
  let made: IoResult<HwPageTable>;
  if (target instanceof Ioas) made = allocatePagingHwpt(device, target, flags, false, userDataOf(frame));
  else if (target instanceof HwptPaging) made = allocateNestedHwpt(device, target, flags, userDataOf(frame));
  else return refuse('HWPT_ALLOC_TARGET_KIND', { ptId: target.id, kind: target.kind });
  return isLeft(made) ? made : finish(frame, made.right, flags);
};

/** As the first kernels had it: no flags, no data, and always over an IOAS. */
function allocateFlat(frame: IoctlFrame): IoResult<0> {
  const { view, state } = frame;
  const flags = view.getUint32(at.flags, true);
  if (flags !== 0) return refuse('HWPT_ALLOC_FLAGS', { flags });
  const deviceId = view.getUint32(at.dev_id, true);
  const device = state.objects.find(deviceId, BoundDevice);
  if (device === undefined) return state.refuseId('DEVICE_NOT_FOUND', deviceId);
  const ioasId = view.getUint32(at.pt_id, true);
  const ioas = state.ioas(ioasId);
  if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', ioasId);
  const made = allocatePagingHwpt(device, ioas, 0, false, undefined);
  return isLeft(made) ? made : finish(frame, made.right, 0);
}

/** Names the fault queue, writes the id back and publishes the page table; or destroys it. */
function finish(frame: IoctlFrame, hwpt: HwPageTable, flags: number): IoResult<0> {
  const { objects } = frame.state;
  const finished = respond(frame, hwpt, flags);
  if (isLeft(finished)) objects.abortAndDestroy(hwpt);
  else objects.publish(hwpt);
  return finished;
}

function respond(frame: IoctlFrame, hwpt: HwPageTable, flags: number): IoResult<0> {
  const { view, state } = frame;
  if ((flags & HwptFlag.FAULT_ID_VALID) !== 0) {
    const faultId = view.getUint32(at.fault_id, true);
    const fault = state.objects.find(faultId, FaultQueue);
    if (fault === undefined) return state.refuseId('FAULT_NOT_FOUND', faultId);
    hwpt.deliverTo(fault);
  }
  view.setUint32(at.out_hwpt_id, hwpt.id, true);
  return frame.respond();
}

/** The driver's data, read when the driver asks for it; undefined where there is none. */
function userDataOf({ view, process }: IoctlFrame): HwptUserData | undefined {
  const bytes = view.getUint32(at.data_len, true);
  const address = view.getBigUint64(at.data_uptr, true);
  if (bytes === 0) return undefined;
  return {
    type: view.getUint32(at.data_type, true),
    bytes,
    read: (into) => process.addressSpace.copyIn(address, into) === into.length,
  };
}
