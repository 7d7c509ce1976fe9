import type { VfioRefusalCode } from './refusals.js';
import type { Type1RefusalCode } from './type1/refusals.js';

/** Number of a row, as documents cite it. */
export type DifferenceRowId = `${number}` | '6b';

/** One respect in which the classic container and iommufd's differ. */
export interface DifferenceRow {
  readonly id: DifferenceRowId;
  readonly topic: string;
  /** What the classic container does: container.c and vfio_iommu_type1.c. */
  readonly type1: string;
  /** What iommufd does in its place: vfio_compat.c. */
  readonly iommufd: string;
  /** Request numbers in whose outcome the row shows; empty: it shows elsewhere. */
  readonly requests: readonly number[];
  /** Refusal codes of the classic container that the row explains. */
  readonly type1Codes: readonly (Type1RefusalCode | VfioRefusalCode)[];
  /** Refusal codes of iommufd and of its IO page table that the row explains. */
  readonly iommufdCodes: readonly string[];
}

const CHECK_EXTENSION = 0x3b65;
const SET_IOMMU = 0x3b66;
const GET_STATUS = 0x3b67;
const SET_CONTAINER = 0x3b68;
const UNSET_CONTAINER = 0x3b69;
const GET_DEVICE_FD = 0x3b6a;
const GET_INFO = 0x3b70;
const MAP_DMA = 0x3b71;
const UNMAP_DMA = 0x3b72;
const DIRTY_PAGES = 0x3b75;

interface RowDetails {
  readonly requests?: readonly number[];
  readonly type1Codes?: DifferenceRow['type1Codes'];
  readonly iommufdCodes?: readonly string[];
}

const row = (
  id: DifferenceRowId,
  topic: string,
  type1: string,
  iommufd: string,
  { requests = [], type1Codes = [], iommufdCodes = [] }: RowDetails = {},
): DifferenceRow => ({ id, topic, type1, iommufd, requests, type1Codes, iommufdCodes });

/**
 * All differences between the two personalities, Linux 6.12. The rows of the audit that the commit which brought VFIO compatibility to iommufd
 * left open; documentation, `explain` and `diff` read them.
 */
export const differenceTable: readonly DifferenceRow[] = [
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
    { requests: [GET_INFO] },
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
    type1Codes: ['TYPE1_NO_GROUP'],
    iommufdCodes: ['COMPAT_IOAS_MISSING'],
  }),
  row('6', 'SET_IOMMU twice', 'EINVAL', '0', { requests: [SET_IOMMU], type1Codes: ['TYPE1_SET_TWICE'] }),
  row('6b', 'SET_IOMMU with an unknown type and a group', 'ENODEV', 'EINVAL', {
    requests: [SET_IOMMU],
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
  row('9', 'CHECK_EXTENSION(DMA_CC) before a group', '0', 'fails with ENODEV', {
    requests: [CHECK_EXTENSION],
    iommufdCodes: ['COMPAT_IOAS_MISSING'],
  }),
  row(
    '10',
    'TYPE1_NESTING',
    'CHECK_EXTENSION says 1; SET_IOMMU works where the driver can nest',
    'CHECK_EXTENSION says 0; SET_IOMMU fails with EINVAL',
    {
      requests: [CHECK_EXTENSION, SET_IOMMU],
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
    },
  ),
  row(
    '15',
    'GET_INFO with room for some capabilities',
    'no byte of any capability is written',
    'those that fit are written',
    { requests: [GET_INFO] },
  ),
  row(
    '16',
    'DMA_AVAIL and the number of mappings',
    'counts down from dma_entry_limit (65535); ENOSPC at 0',
    'always 2^32 - 1; memory is the limit',
    {
      requests: [GET_INFO, MAP_DMA],
      type1Codes: ['TYPE1_MAP_LIMIT'],
    },
  ),
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
    type1Codes: ['TYPE1_MAP_WRAPS'],
    iommufdCodes: ['MAP_IOVA_OVERFLOW', 'MAP_USER_RANGE_OVERFLOW'],
  }),
  row('20', 'MAP_DMA that overlaps a mapping and a reserved range', 'EEXIST', 'EINVAL', {
    requests: [MAP_DMA],
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
      type1Codes: ['TYPE1_UNMAP_BISECTS'],
      iommufdCodes: ['UNMAP_CUTS_AREA'],
    },
  ),
  row(
    '23',
    'UNMAP_DMA that begins inside a mapping, TYPE1',
    'succeeds with size 0, nothing is unmapped',
    'unmaps exactly the range',
    { requests: [UNMAP_DMA] },
  ),
  row(
    '24',
    'UNMAP_DMA of the head of a mapping, TYPE1',
    'unmaps the whole mapping, size is larger than asked',
    'unmaps exactly the range',
    { requests: [UNMAP_DMA] },
  ),
  row('25', 'page sizes in the IOMMU, TYPE1', 'as large as the IOMMU has them', 'PAGE_SIZE only, for the whole IOAS'),
  row('26', 'size of UNMAP_DMA on failure', 'stays as the caller gave it', 'what was unmapped before the failure', {
    requests: [UNMAP_DMA],
    iommufdCodes: ['UNMAP_CUTS_AREA', 'UNMAP_RANGE_OVERFLOW', 'UNMAP_LENGTH_ZERO'],
  }),
  row('27', 'UNMAP_DMA whose range wraps', 'EINVAL', 'EOVERFLOW', {
    requests: [UNMAP_DMA],
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
  row(
    '31',
    'the last group leaves',
    'all mappings are dropped and the container has no type; it can be used again',
    'the IOAS and its mappings stay until the file is closed',
    {
      requests: [UNSET_CONTAINER, MAP_DMA, GET_INFO],
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
    { requests: [CHECK_EXTENSION] },
  ),
  row('36', 'groups with and without IOMMU together', 'EPERM', 'EINVAL', {
    requests: [SET_CONTAINER],
    type1Codes: ['GROUP_MIXES_NOIOMMU'],
    iommufdCodes: ['COMPAT_IOAS_NO_IOMMU', 'COMPAT_NO_IOMMU_AFTER_IOAS'],
  }),
  row('37', 'switching large pages off', 'parameter of the module, for all containers', 'option of each IOAS'),
  row('38', '32-bit programs on a 64-bit kernel', 'served', 'ENOTTY'),
  row('39', 'SPAPR', 'another driver under the same container', 'absent', { requests: [CHECK_EXTENSION] }),
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
      type1Codes: ['GROUP_DMA_OWNED'],
      iommufdCodes: ['BIND_GROUP_OWNED'],
    },
  ),
  row(
    '42',
    'mapping up to the last byte of the 64-bit space',
    'works if it is in a window, but cannot be unmapped by its own range',
    'works, and unmaps',
    { requests: [MAP_DMA, UNMAP_DMA] },
  ),
];

/** What one personality answered: `undefined` is success, otherwise the code of the refusal. */
export type OutcomeCode = string | undefined;

/**
 * The rows that may explain why the two personalities answered a request differently, best first: those that name both codes, then those that name
 * one, then those that know the request.
 */
export function explainDifference(request: number, type1: OutcomeCode, iommufd: OutcomeCode): readonly DifferenceRow[] {
  const score = (it: DifferenceRow): number =>
    (type1 !== undefined && (it.type1Codes as readonly string[]).includes(type1) ? 2 : 0) +
    (iommufd !== undefined && it.iommufdCodes.includes(iommufd) ? 2 : 0) +
    (it.requests.includes(request) ? 1 : 0);
  const fitting = differenceTable.filter(
    (it) => score(it) > 0 && (it.requests.length === 0 || it.requests.includes(request)),
  );
  const best = Math.max(0, ...fitting.map(score));
  return fitting.filter((it) => score(it) === best);
}

/** The rows in which a refusal code of either personality shows. */
export const differenceRowsOf = (code: string): readonly DifferenceRow[] =>
  differenceTable.filter(
    ({ type1Codes, iommufdCodes }) => (type1Codes as readonly string[]).includes(code) || iommufdCodes.includes(code),
  );
