import { iommufdIoctls, IOMMUFD_CMD_BASE, IommufdRequest } from '../abi/index.js';
import { allocateFaultQueue } from './fault-alloc.js';
import { getHwInfo } from './hw-info.js';
import { allocateHwpt } from './hwpt-alloc.js';
import { getDirtyBitmap, setDirtyTracking } from './hwpt-dirty.js';
import { invalidateHwpt } from './hwpt-invalidate.js';
import { allocateIoas, destroyObject } from './ioas-alloc.js';
import { copyIoas, mapIoas, unmapIoas } from './ioas-map.js';
import { allowIovas, listIovaRanges } from './ioas-ranges.js';
import type { IoctlHandler } from './ioctl-frame.js';
import type { KernelProfile } from './kernel-profile.js';
import { option } from './option.js';
import { vfioIoas } from './vfio-ioas.js';

/** One number of the dispatch table. */
export interface IoctlEntry {
  readonly request: number;
  /** Size of the structure that the kernel knows, and the least that it accepts, bytes. */
  readonly size: number;
  readonly minSize: number;
  readonly handler: IoctlHandler;
}

const handlers: ReadonlyMap<number, IoctlHandler> = new Map([
  [IommufdRequest.DESTROY, destroyObject],
  [IommufdRequest.IOAS_ALLOC, allocateIoas],
  [IommufdRequest.IOAS_ALLOW_IOVAS, allowIovas],
  [IommufdRequest.IOAS_COPY, copyIoas],
  [IommufdRequest.IOAS_IOVA_RANGES, listIovaRanges],
  [IommufdRequest.IOAS_MAP, mapIoas],
  [IommufdRequest.IOAS_UNMAP, unmapIoas],
  [IommufdRequest.OPTION, option],
  [IommufdRequest.VFIO_IOAS, vfioIoas],
  [IommufdRequest.HWPT_ALLOC, allocateHwpt],
  [IommufdRequest.GET_HW_INFO, getHwInfo],
  [IommufdRequest.HWPT_SET_DIRTY_TRACKING, setDirtyTracking],
  [IommufdRequest.HWPT_GET_DIRTY_BITMAP, getDirtyBitmap],
  [IommufdRequest.HWPT_INVALIDATE, invalidateHwpt],
  [IommufdRequest.FAULT_QUEUE_ALLOC, allocateFaultQueue],
]);

/**
 * The dispatch table of a kernel, by the low byte of the number minus 0x80. Numbers between its entries are holes; numbers beyond its
 * end go to the VFIO compatibility calls.
 */
export function ioctlTable(profile: KernelProfile, extra: IoctlEntry | null): readonly (IoctlEntry | undefined)[] {
  const table: (IoctlEntry | undefined)[] = [];
  for (const { request, argument } of iommufdIoctls) {
    const size = profile.ioctls.get(request);
    const handler = handlers.get(request);
    if (size === undefined || handler === undefined || argument.kind !== 'struct') continue;
    const minSize = Math.min(argument.layout.minSize, size);
    table[(request & 0xff) - IOMMUFD_CMD_BASE] = { request, size, minSize, handler };
  }
  if (extra !== null) table[(extra.request & 0xff) - IOMMUFD_CMD_BASE] = extra;
  return table;
}
