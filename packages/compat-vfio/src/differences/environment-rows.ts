import { VfioExtension } from '@ioasis/core';
import { Request, row, type DifferenceRow } from './difference-row.js';

const {
  CHECK_EXTENSION,
  SET_IOMMU,
  GET_STATUS,
  SET_CONTAINER,
  UNSET_CONTAINER,
  GET_DEVICE_FD,
  GET_INFO,
  MAP_DMA,
  UNMAP_DMA,
} = Request;

/** What the rest of the system brings in: groups that leave, device memory, interrupts, other programs. */
export const environmentRows: readonly DifferenceRow[] = [
  row(
    '31',
    'the last group leaves',
    'all mappings are dropped and the container has no type; it can be used again',
    'the IOAS and its mappings stay until the file is closed',
    {
      requests: [UNSET_CONTAINER, MAP_DMA, GET_INFO],
      shows: ['refusal', 'answer'],
      type1Codes: ['TYPE1_NOT_SET', 'GROUP_DEVICES_OPEN'],
    },
  ),
  row('32', 'mapping of a BAR', 'works', 'EFAULT', { requests: [MAP_DMA], iommufdCodes: ['PIN_FAULT'] }),
  row(
    '33',
    'interrupts that are not isolated',
    'EPERM at SET_IOMMU; parameter of vfio_iommu_type1',
    'EPERM at GET_DEVICE_FD; parameter of iommufd',
    {
      requests: [SET_IOMMU, GET_DEVICE_FD],
      type1Codes: ['TYPE1_MSI_NOT_ISOLATED'],
      iommufdCodes: ['BIND_MSI_NOT_ISOLATED'],
    },
  ),
  row('34', 'no-IOMMU: other ioctls', 'ENOTTY', 'ENODEV, for want of an IOAS', {
    requests: [GET_INFO, MAP_DMA, UNMAP_DMA],
    type1Codes: ['VFIO_UNKNOWN_IOCTL'],
    iommufdCodes: ['COMPAT_IOAS_MISSING'],
  }),
  row(
    '35',
    'CHECK_EXTENSION(NOIOMMU)',
    '1 when the module parameter enables it',
    '1 when the kernel was built with it',
    { requests: [CHECK_EXTENSION], shows: ['value'], numbers: [VfioExtension.NOIOMMU] },
  ),
  row('36', 'groups with and without IOMMU together', 'EPERM', 'EINVAL', {
    requests: [SET_CONTAINER],
    refuser: 'both',
    type1Codes: ['GROUP_MIXES_NOIOMMU'],
    iommufdCodes: ['COMPAT_IOAS_NO_IOMMU', 'COMPAT_NO_IOMMU_AFTER_IOAS'],
  }),
  row('37', 'switching large pages off', 'parameter of the module, for all containers', 'option of each IOAS'),
  row('38', '32-bit programs on a 64-bit kernel', 'served', 'ENOTTY'),
  row('39', 'SPAPR', 'another driver under the same container', 'absent', {
    requests: [CHECK_EXTENSION],
    shows: ['value'],
    numbers: [VfioExtension.SPAPR_TCE, VfioExtension.SPAPR_TCE_V2],
  }),
  row('40', 'MAP_DMA while an UNMAP_DMA runs', 'one waits for the other', 'EBUSY is possible', {
    requests: [MAP_DMA, UNMAP_DMA],
    iommufdCodes: ['AREA_BUSY', 'CUT_AREA_BUSY'],
  }),
  row(
    '41',
    'claim of the DMA and what VIABLE means',
    'claimed at SET_CONTAINER: VIABLE holds from then on',
    'claimed at GET_DEVICE_FD: it can fail although GET_STATUS said VIABLE',
    {
      requests: [GET_STATUS, SET_CONTAINER, GET_DEVICE_FD],
      shows: ['refusal', 'answer'],
      type1Codes: ['GROUP_DMA_OWNED'],
      iommufdCodes: ['BIND_GROUP_OWNED'],
    },
  ),
  row(
    '42',
    'mapping up to the last byte of the 64-bit space',
    'works if it is in a window, but cannot be unmapped by its own range',
    'works, and unmaps',
    { requests: [MAP_DMA, UNMAP_DMA], shows: ['answer'] },
  ),
];
