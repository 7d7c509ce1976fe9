import { right } from 'fp-ts/lib/Either.js';
import { VfioExtension, type CompatIoas, type IoResult, type KernelProfile } from '@ioasis/core';
import type { NoIommuSupport } from '../options.js';

/** VFIO_CHECK_EXTENSION as iommufd answers it (`iommufd_vfio_check_extension`). */
export function checkExtension(
  compat: CompatIoas,
  profile: KernelProfile,
  noIommu: NoIommuSupport,
  extension: bigint,
): IoResult<number> {
  switch (extension) {
    case BigInt(VfioExtension.TYPE1):
    case BigInt(VfioExtension.TYPE1V2):
    case BigInt(VfioExtension.UNMAP_ALL):
      return right(compat.noIommu && profile.noIommuHidesType1 ? 0 : 1);
    case BigInt(VfioExtension.NOIOMMU):
      // The module parameter does not count here.
      return right(noIommu === 'absent' ? 0 : 1);
    case BigInt(VfioExtension.DMA_CC): {
      const ioas = compat.require();
      if (ioas._tag === 'Left') return ioas;
      return right(ioas.right.hwpts.every(({ enforcesCacheCoherency }) => enforcesCacheCoherency) ? 1 : 0);
    }
    default:
      return right(0);
  }
}
