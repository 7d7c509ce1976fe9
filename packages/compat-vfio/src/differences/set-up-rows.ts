import { VfioExtension } from '@ioasis/core';
import { Request, row, type DifferenceRow } from './difference-row.js';

const { CHECK_EXTENSION, SET_IOMMU, SET_CONTAINER, GET_DEVICE_FD, GET_INFO, MAP_DMA, UNMAP_DMA, DIRTY_PAGES } = Request;

/** How a container gets ready, and what it tells about itself. */
export const setUpRows: readonly DifferenceRow[] = [
  row(
    '1',
    'when devices join translation',
    'all groups of the container at SET_IOMMU, later groups at SET_CONTAINER',
    'each device at GET_DEVICE_FD',
    { requests: [SET_IOMMU, SET_CONTAINER, GET_DEVICE_FD] },
  ),
  row(
    '2',
    'GET_INFO between SET_IOMMU and the first device',
    'real page sizes and real IOVA windows',
    'the whole 64-bit range and every page size from PAGE_SIZE up',
    { requests: [GET_INFO], shows: ['answer'] },
  ),
  row(
    '3',
    'MAP_DMA before the first device',
    'pins and maps at once: EFAULT and ENOMEM come here',
    'nothing is pinned; EFAULT and ENOMEM come at GET_DEVICE_FD',
    {
      requests: [MAP_DMA, GET_DEVICE_FD],
      type1Codes: ['TYPE1_PIN_FAILED', 'TYPE1_MEMLOCK'],
      iommufdCodes: ['PIN_FAULT', 'MEMLOCK_EXCEEDED'],
    },
  ),
  row(
    '4',
    'mapping over a reserved window of a device that is opened later',
    'EINVAL at MAP_DMA',
    'the mapping is made, GET_DEVICE_FD fails with EADDRINUSE',
    { requests: [MAP_DMA, GET_DEVICE_FD], type1Codes: ['TYPE1_MAP_OUTSIDE'], iommufdCodes: ['RESERVE_OVER_AREA'] },
  ),
  row('5', 'SET_IOMMU without a group', 'EINVAL', 'ENODEV', {
    requests: [SET_IOMMU],
    refuser: 'both',
    type1Codes: ['TYPE1_NO_GROUP'],
    iommufdCodes: ['COMPAT_IOAS_MISSING'],
  }),
  row('6', 'SET_IOMMU twice', 'EINVAL', '0', { requests: [SET_IOMMU], type1Codes: ['TYPE1_SET_TWICE'] }),
  row('6b', 'SET_IOMMU with an unknown type and a group', 'ENODEV', 'EINVAL', {
    requests: [SET_IOMMU],
    refuser: 'both',
    type1Codes: ['TYPE1_UNKNOWN_TYPE'],
    iommufdCodes: ['COMPAT_TYPE'],
  }),
  row('7', 'other container ioctls before SET_IOMMU', 'EINVAL', 'ENODEV without an IOAS, and they work with one', {
    requests: [GET_INFO, MAP_DMA, UNMAP_DMA],
    type1Codes: ['TYPE1_NOT_SET'],
    iommufdCodes: ['COMPAT_IOAS_MISSING'],
  }),
  row('8', 'unknown ioctl', 'ENOTTY, but EINVAL before SET_IOMMU', 'ENOTTY', {
    type1Codes: ['TYPE1_NOT_SET', 'VFIO_UNKNOWN_IOCTL'],
    iommufdCodes: ['VFIO_UNKNOWN_IOCTL'],
  }),
  row(
    '9',
    'CHECK_EXTENSION(DMA_CC) before SET_IOMMU',
    '0',
    'ENODEV without an IOAS; with one 1, unless it has a page table that cannot enforce coherency',
    {
      requests: [CHECK_EXTENSION],
      shows: ['refusal', 'value'],
      numbers: [VfioExtension.DMA_CC],
      iommufdCodes: ['COMPAT_IOAS_MISSING'],
    },
  ),
  row(
    '10',
    'TYPE1_NESTING',
    'CHECK_EXTENSION says 1; SET_IOMMU works where the driver can nest',
    'CHECK_EXTENSION says 0; SET_IOMMU fails with EINVAL',
    {
      requests: [CHECK_EXTENSION, SET_IOMMU],
      shows: ['refusal', 'value'],
      numbers: [VfioExtension.TYPE1_NESTING],
      type1Codes: ['TYPE1_NO_NESTING'],
      iommufdCodes: ['COMPAT_TYPE'],
    },
  ),
  row(
    '11',
    'update of virtual addresses: UPDATE_VADDR, MAP and UNMAP with VADDR',
    'supported',
    'CHECK_EXTENSION says 0, the flags are EINVAL',
    {
      requests: [CHECK_EXTENSION, MAP_DMA, UNMAP_DMA],
      shows: ['refusal', 'value'],
      numbers: [VfioExtension.UPDATE_VADDR],
      type1Codes: [
        'TYPE1_VADDR_NO_MAPPING',
        'TYPE1_VADDR_MISMATCH',
        'TYPE1_VADDR_INVALID_ALREADY',
        'TYPE1_MAP_VADDR_AND_ACCESS',
        'TYPE1_ATTACH_VADDR_INVALID',
      ],
      iommufdCodes: ['COMPAT_MAP_FLAGS', 'COMPAT_UNMAP_FLAGS'],
    },
  ),
  row(
    '12',
    'DIRTY_PAGES',
    'START, STOP and GET_BITMAP on TYPE1v2, EACCES on TYPE1; capability MIGRATION',
    'ENOTTY; no MIGRATION',
    {
      requests: [DIRTY_PAGES, GET_INFO],
      shows: ['refusal', 'answer'],
      type1Codes: [
        'TYPE1_DIRTY_NEEDS_V2',
        'TYPE1_DIRTY_FLAGS',
        'TYPE1_DIRTY_OFF',
        'TYPE1_BITMAP_ARGSZ',
        'TYPE1_BITMAP_POINTER',
        'TYPE1_BITMAP_SIZE',
        'TYPE1_BITMAP_PGSIZE',
        'TYPE1_BITMAP_RANGE',
        'TYPE1_BITMAP_BISECTS',
        'TYPE1_BITMAP_UNWRITABLE',
        'TYPE1_BITMAP_TOO_MANY_PAGES',
      ],
      iommufdCodes: ['COMPAT_DIRTY_PAGES'],
    },
  ),
  row(
    '13',
    'UNMAP_DMA with GET_DIRTY_BITMAP',
    'supported with argsz of at least 48, not together with ALL or VADDR',
    'EINVAL',
    {
      requests: [UNMAP_DMA],
      type1Codes: [
        'TYPE1_UNMAP_FLAGS_EXCLUDE',
        'TYPE1_DIRTY_OFF',
        'TYPE1_BITMAP_ARGSZ',
        'TYPE1_BITMAP_POINTER',
        'TYPE1_BITMAP_SIZE',
        'TYPE1_BITMAP_PGSIZE',
        'TYPE1_BITMAP_UNWRITABLE',
      ],
      iommufdCodes: ['COMPAT_UNMAP_FLAGS'],
    },
  ),
  row(
    '14',
    'capabilities of GET_INFO',
    'MIGRATION at 24, DMA_AVAIL at 56, IOVA_RANGE at 72 if there is an IOMMU',
    'DMA_AVAIL at 24, IOVA_RANGE at 40, always',
    {
      requests: [GET_INFO],
      shows: ['answer'],
    },
  ),
  row(
    '15',
    'GET_INFO with room for some capabilities',
    'no byte of any capability is written',
    'those that fit are written',
    { requests: [GET_INFO], shows: ['answer'] },
  ),
  row(
    '16',
    'DMA_AVAIL and the number of mappings',
    'counts down from dma_entry_limit (65535); ENOSPC at 0',
    'always 2^32 - 1; memory is the limit',
    {
      requests: [GET_INFO, MAP_DMA],
      shows: ['refusal', 'answer'],
      type1Codes: ['TYPE1_MAP_LIMIT'],
    },
  ),
];
