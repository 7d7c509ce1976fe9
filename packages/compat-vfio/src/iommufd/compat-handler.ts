import { right } from 'fp-ts/lib/Either.js';
import { VfioRequest, type CompatIoctlHandler } from '@ioasis/core';
import { VFIO_API_VERSION } from '../abi/constants.js';
import type { NoIommuSupport } from '../options.js';
import { vfioRefusals } from '../refusals.js';
import { checkExtension } from './check-extension.js';
import { getInfo } from './get-info.js';
import { mapDma } from './map-dma.js';
import { setIommu } from './set-iommu.js';
import { unmapDma } from './unmap-dma.js';

const { refuse } = vfioRefusals;

/**
 * The container ioctls as iommufd serves them, on `/dev/iommu` and, in personality `iommufd`, on `/dev/vfio/vfio` (`iommufd_vfio_ioctl`). The
 * whole request number counts, so the handler gets every number that is not iommufd's own.
 */
export const compatHandler =
  (noIommu: NoIommuSupport): CompatIoctlHandler =>
  (context, call) => {
    switch (call.request) {
      case VfioRequest.GET_API_VERSION:
        return right(VFIO_API_VERSION);
      case VfioRequest.CHECK_EXTENSION:
        return checkExtension(context.compat, context.profile, noIommu, call.argument);
      case VfioRequest.SET_IOMMU:
        return setIommu(context.compat, call.process, noIommu, call.argument);
      case VfioRequest.IOMMU_GET_INFO:
        return getInfo(context, call);
      case VfioRequest.IOMMU_MAP_DMA:
        return mapDma(context, call);
      case VfioRequest.IOMMU_UNMAP_DMA:
        return unmapDma(context, call);
      case VfioRequest.IOMMU_DIRTY_PAGES:
        return refuse('COMPAT_DIRTY_PAGES');
      default:
        return refuse('VFIO_UNKNOWN_IOCTL', { file: context.kind, request: call.request });
    }
  };
