import { done, VfioExtension, type CompatIoas, type IoResult, type Process } from '@ioasis/core';
import type { NoIommuSupport } from '../options.js';
import { vfioRefusals } from '../refusals.js';

const { refuse } = vfioRefusals;

/** VFIO_SET_IOMMU as iommufd serves it (`iommufd_vfio_set_iommu`): TYPE1 is TYPE1v2 without large pages, and nothing is final. */
export function setIommu(compat: CompatIoas, process: Process, noIommu: NoIommuSupport, type: bigint): IoResult<0> {
  if (noIommu !== 'absent' && type === BigInt(VfioExtension.NOIOMMU) && compat.noIommu) {
    return process.capable('sys_rawio') ? done : refuse('COMPAT_NOIOMMU_RAWIO', { type });
  }
  const type1 = type === BigInt(VfioExtension.TYPE1);
  if (!type1 && type !== BigInt(VfioExtension.TYPE1V2)) return refuse('COMPAT_TYPE', { type });
  if (compat.noIommu) return refuse('COMPAT_NOIOMMU_MODE', { type });
  const ioas = compat.require();
  if (ioas._tag === 'Left') return ioas;
  return type1 ? ioas.right.table.disableLargePages() : done;
}
