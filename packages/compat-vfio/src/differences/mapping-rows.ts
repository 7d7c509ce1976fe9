import { Request, row, type DifferenceRow } from './difference-row.js';

const { MAP_DMA, UNMAP_DMA } = Request;

/** Mapping, unmapping and their accounts. */
export const mappingRows: readonly DifferenceRow[] = [
  row('17', 'MAP_DMA with neither READ nor WRITE', 'EINVAL', 'a mapping without permissions', {
    requests: [MAP_DMA],
    type1Codes: ['TYPE1_MAP_NO_ACCESS'],
  }),
  row(
    '18',
    'alignment of MAP_DMA',
    'iova, vaddr and size: multiples of the smallest IOMMU page, at most PAGE_SIZE',
    'iova, size and the offset of vaddr in its page: multiples of the IOVA alignment, which is 1 without a device',
    {
      requests: [MAP_DMA],
      type1Codes: ['TYPE1_MAP_ALIGNMENT'],
      iommufdCodes: ['MAP_LENGTH_UNALIGNED', 'MAP_IOVA_UNALIGNED', 'MAP_USER_ADDRESS_UNALIGNED'],
    },
  ),
  row('19', 'MAP_DMA whose range wraps', 'EINVAL', 'EOVERFLOW', {
    requests: [MAP_DMA],
    refuser: 'both',
    type1Codes: ['TYPE1_MAP_WRAPS'],
    iommufdCodes: ['MAP_IOVA_OVERFLOW', 'MAP_USER_RANGE_OVERFLOW'],
  }),
  row('20', 'MAP_DMA that overlaps a mapping and a reserved range', 'EEXIST', 'EINVAL', {
    requests: [MAP_DMA],
    refuser: 'both',
    type1Codes: ['TYPE1_MAP_EXISTS', 'TYPE1_MAP_OUTSIDE'],
    iommufdCodes: ['MAP_IOVA_RESERVED', 'MAP_IOVA_OCCUPIED'],
  }),
  row(
    '21',
    'UNMAP_DMA that is not aligned',
    'EINVAL',
    'alignment is not checked; what cuts a mapping fails with ENOENT',
    {
      requests: [UNMAP_DMA],
      refuser: 'type1',
      type1Codes: ['TYPE1_UNMAP_ALIGNMENT'],
      iommufdCodes: ['UNMAP_CUTS_AREA', 'CUT_UNALIGNED'],
    },
  ),
  row(
    '22',
    'UNMAP_DMA that cuts a mapping, TYPE1v2',
    'EINVAL, nothing is unmapped',
    'ENOENT after the whole mappings in front are gone; size says how much',
    {
      requests: [UNMAP_DMA],
      refuser: 'both',
      type1Codes: ['TYPE1_UNMAP_BISECTS'],
      iommufdCodes: ['UNMAP_CUTS_AREA'],
    },
  ),
  row(
    '23',
    'UNMAP_DMA that begins inside a mapping, TYPE1',
    'succeeds with size 0, nothing is unmapped',
    'unmaps exactly the range',
    { requests: [UNMAP_DMA], shows: ['answer'] },
  ),
  row(
    '24',
    'UNMAP_DMA of the head of a mapping, TYPE1',
    'unmaps the whole mapping, size is larger than asked',
    'unmaps exactly the range',
    { requests: [UNMAP_DMA], shows: ['answer'] },
  ),
  row('25', 'page sizes in the IOMMU, TYPE1', 'as large as the IOMMU has them', 'PAGE_SIZE only, for the whole IOAS'),
  row('26', 'size of UNMAP_DMA on failure', 'stays as the caller gave it', 'what was unmapped before the failure', {
    requests: [UNMAP_DMA],
    refuser: 'both',
    iommufdCodes: ['UNMAP_CUTS_AREA', 'UNMAP_RANGE_OVERFLOW', 'UNMAP_LENGTH_ZERO'],
  }),
  row('27', 'UNMAP_DMA whose range wraps', 'EINVAL', 'EOVERFLOW', {
    requests: [UNMAP_DMA],
    refuser: 'both',
    type1Codes: ['TYPE1_UNMAP_WRAPS'],
    iommufdCodes: ['UNMAP_RANGE_OVERFLOW'],
  }),
  row(
    '28',
    'a mediated device keeps pages pinned during UNMAP_DMA',
    'it is asked again; a kernel bug after ten times',
    'it is asked again; EDEADLK after a hundred times',
    {
      requests: [UNMAP_DMA],
      iommufdCodes: ['ACCESS_KEEPS_PAGES'],
    },
  ),
  row(
    '29',
    'who is charged for pinned pages',
    'the process; CAP_IPC_LOCK lifts the limit, the pages are counted all the same',
    '/dev/vfio/vfio: the process, /dev/iommu: the user; with CAP_IPC_LOCK nothing is counted as locked',
    {
      requests: [MAP_DMA],
      type1Codes: ['TYPE1_MEMLOCK'],
      iommufdCodes: ['MEMLOCK_EXCEEDED'],
    },
  ),
  row('30', 'the same memory mapped twice', 'counted twice', 'counted twice; once only through IOAS_COPY'),
];
