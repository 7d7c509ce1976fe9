import {
  DirtyBitmapFlag,
  DirtyTrackingFlag,
  IommuHwptGetDirtyBitmap,
  IommuHwptSetDirtyTracking,
} from '../abi/index.js';
import { HwptPaging } from './hwpt.js';
import type { IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const set = IommuHwptSetDirtyTracking.offsets;
const get = IommuHwptGetDirtyBitmap.offsets;

/** IOMMU_HWPT_SET_DIRTY_TRACKING. */
export const setDirtyTracking: IoctlHandler = ({ view, state }) => {
  const flags = view.getUint32(set.flags, true);
  if ((flags & ~DirtyTrackingFlag.ENABLE) !== 0) return refuse('SET_DIRTY_FLAGS', { flags });
  const id = view.getUint32(set.hwpt_id, true);
  const hwpt = state.objects.find(id, HwptPaging);
  if (hwpt === undefined) return state.refuseId('HWPT_NOT_FOUND', id);
  return hwpt.ioas.table.setDirtyTracking(hwpt.domain, (flags & DirtyTrackingFlag.ENABLE) !== 0);
};

/** IOMMU_HWPT_GET_DIRTY_BITMAP: nothing of the structure is written back, only bits of the bitmap are set. */
export const getDirtyBitmap: IoctlHandler = ({ view, state, process }) => {
  const flags = view.getUint32(get.flags, true);
  if ((flags & ~DirtyBitmapFlag.NO_CLEAR) !== 0) return refuse('GET_DIRTY_FLAGS', { flags });
  if (view.getUint32(get.__reserved, true) !== 0) return refuse('GET_DIRTY_RESERVED_FIELD');
  const id = view.getUint32(get.hwpt_id, true);
  const hwpt = state.objects.find(id, HwptPaging);
  if (hwpt === undefined) return state.refuseId('HWPT_NOT_FOUND', id);
  return hwpt.ioas.table.readAndClearDirty(hwpt.domain, {
    process,
    iova: view.getBigUint64(get.iova, true),
    length: view.getBigUint64(get.length, true),
    pageSize: view.getBigUint64(get.page_size, true),
    bitmap: view.getBigUint64(get.data, true),
    flags,
    refusesEmpty: state.environment.profile.refusesEmptyDirtyBitmap,
  });
};
