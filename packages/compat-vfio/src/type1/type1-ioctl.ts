import {
  VfioBitmap,
  VfioExtension,
  VfioIommuType1DmaMap,
  VfioIommuType1DmaUnmap,
  VfioRequest,
  type IoctlCall,
  type IoResult,
} from '@ioasis/core';
import { MapFlag, UnmapFlag } from '../abi/constants.js';
import { answer, copyArgument, copyStruct } from '../argument.js';
import { vfioRefusals } from '../refusals.js';
import { checkBitmap, dirtyPages } from './dirty-pages.js';
import { getInfo } from './get-info.js';
import { mapDma } from './map.js';
import { type1Refusals } from './refusals.js';
import type { Type1State } from './state.js';
import { unmapDma, type UnmapRequest } from './unmap.js';

const { refuse } = type1Refusals;
const MAP_FLAGS: number = MapFlag.READ | MapFlag.WRITE | MapFlag.VADDR;
const UNMAP_FLAGS: number = UnmapFlag.GET_DIRTY_BITMAP | UnmapFlag.ALL | UnmapFlag.VADDR;

/** CHECK_EXTENSION of the type1 driver; without a state as SET_IOMMU asks before there is one (`vfio_iommu_type1_check_extension`). */
export function type1Extension(state: Type1State | undefined, extension: bigint): number {
  switch (extension) {
    case BigInt(VfioExtension.TYPE1):
    case BigInt(VfioExtension.TYPE1V2):
    case BigInt(VfioExtension.TYPE1_NESTING):
    case BigInt(VfioExtension.UNMAP_ALL):
      return 1;
    case BigInt(VfioExtension.UPDATE_VADDR):
      return state === undefined ? 0 : 1;
    case BigInt(VfioExtension.DMA_CC):
      return state?.domains.every(({ enforcesCacheCoherency }) => enforcesCacheCoherency) === true ? 1 : 0;
    default:
      return 0;
  }
}

/** Ioctls of a container that has a type (`vfio_iommu_type1_ioctl`). */
export function type1Ioctl(state: Type1State, call: IoctlCall): IoResult<number> {
  switch (call.request) {
    case VfioRequest.IOMMU_GET_INFO:
      return getInfo(state, call);
    case VfioRequest.IOMMU_MAP_DMA:
      return map(state, call);
    case VfioRequest.IOMMU_UNMAP_DMA:
      return unmap(state, call);
    case VfioRequest.IOMMU_DIRTY_PAGES:
      return dirtyPages(state, call);
    default:
      return vfioRefusals.refuse('VFIO_UNKNOWN_IOCTL', { file: 'vfio-container', request: call.request });
  }
}

function map(state: Type1State, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIommuType1DmaMap);
  if (argument._tag === 'Left') return argument;
  const { values } = argument.right;
  if ((values.flags & ~MAP_FLAGS) !== 0) return refuse('TYPE1_MAP_FLAGS', { flags: values.flags });
  return mapDma(state, call.process, values);
}

function unmap(state: Type1State, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIommuType1DmaUnmap);
  if (argument._tag === 'Left') return argument;
  const { argsz, flags, iova, size } = argument.right.values;
  if ((flags & ~UNMAP_FLAGS) !== 0) return refuse('TYPE1_UNMAP_FLAGS', { flags });
  const wantsBitmap = (flags & UnmapFlag.GET_DIRTY_BITMAP) !== 0;
  if (wantsBitmap && (flags & (UnmapFlag.ALL | UnmapFlag.VADDR)) !== 0)
    return refuse('TYPE1_UNMAP_FLAGS_EXCLUDE', { flags });
  let bitmap: UnmapRequest['bitmap'];
  if (wantsBitmap) {
    const needed = VfioIommuType1DmaUnmap.size + VfioBitmap.size;
    if (argsz < needed) return refuse('TYPE1_BITMAP_ARGSZ', { argsz, needed });
    const copied = copyStruct(call, VfioBitmap, BigInt(VfioIommuType1DmaUnmap.size));
    if (copied._tag === 'Left') return copied;
    bitmap = copied.right.values;
    const checked = checkBitmap(bitmap.data, copied.right.values.size, bitmap.pgsize, size);
    if (checked._tag === 'Left') return checked;
  }
  const unmapped = unmapDma(state, call.process, { flags, iova, size, bitmap });
  if (unmapped._tag === 'Left') return unmapped;
  return answer(call, VfioIommuType1DmaUnmap.encode({ ...argument.right.values, size: unmapped.right }));
}
