import { isLeft, right } from 'fp-ts/lib/Either.js';
import { IommuHwptAlloc } from '../abi/index.js';
import { HwptFlag, type HwptUserData } from '../domain/index.js';
import { done, type IoResult } from '../errno/index.js';
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
  if (target instanceof Ioas || target instanceof HwptPaging) {
    const data = dataBytes === 0 ? right(undefined) : readData(frame, dataType, dataBytes);
    if (isLeft(data)) return data;
    made =
      target instanceof Ioas
        ? allocatePagingHwpt(device, target, flags, false, data.right)
        : allocateNestedHwpt(device, target, flags, data.right);
  } else {
    return refuse('HWPT_ALLOC_TARGET_KIND', { ptId: target.id, kind: target.kind });
  }
  if (isLeft(made)) return made;
  const hwpt = made.right;
  const finished = finish(frame, hwpt, flags);
  if (isLeft(finished)) {
    state.objects.abortAndDestroy(hwpt);
    return finished;
  }
  state.objects.publish(hwpt);
  return done;
};

function finish(frame: IoctlFrame, hwpt: HwPageTable, flags: number): IoResult<0> {
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

/** A driver's data may be as long as a page; a longer one is unknown to every driver, and its tail is what the driver would refuse. */
const MAX_DATA_BYTES = 4096;

/** Reads the driver's data. */
function readData({ view, process }: IoctlFrame, type: number, bytes: number): IoResult<HwptUserData> {
  const data = new Uint8Array(Math.min(bytes, MAX_DATA_BYTES));
  const address = view.getBigUint64(at.data_uptr, true);
  if (process.addressSpace.copyIn(address, data) < data.length)
    return refuse('HWPT_ALLOC_DATA_UNREADABLE', { address, bytes });
  return right({ type, data });
}
