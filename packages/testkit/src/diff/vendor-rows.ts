import type { DifferenceEffect } from '@ioasis/compat-vfio';
import { IommufdRequest, VfioExtension, VfioRequest } from '@ioasis/core';
import type { DiffReason } from './diff-reason.js';
import { effectOf, type AnsweredTwice } from './step-effect.js';

/** What IOMMUs differ in, and where a program sees it. */
interface VendorRow {
  readonly id: string;
  readonly topic: string;
  /** Requests in whose successful answer it shows. */
  readonly answers: readonly number[];
  /** Refusal codes in which it shows. */
  readonly codes: readonly string[];
  /** For CHECK_EXTENSION: the extension. */
  readonly extension?: number;
}

const rows: readonly VendorRow[] = [
  {
    id: 'iova-ranges',
    topic: 'IOVAs that the tables and the reserved regions leave',
    answers: [
      IommufdRequest.IOAS_IOVA_RANGES,
      IommufdRequest.IOAS_MAP,
      IommufdRequest.IOAS_COPY,
      VfioRequest.IOMMU_GET_INFO,
    ],
    codes: [
      'MAP_IOVA_RESERVED',
      'IOVA_SPACE_EXHAUSTED',
      'RESERVE_OVER_AREA',
      'RESERVE_OVER_ALLOWED',
      'ALLOWED_OVER_RESERVED',
      'RANGES_TOO_MANY',
      'TYPE1_MAP_OUTSIDE',
      'TYPE1_APERTURE_CONFLICT',
      'TYPE1_RESERVED_CONFLICT',
      'TYPE1_NO_USABLE_IOVA',
    ],
  },
  {
    id: 'page-sizes',
    topic: 'page sizes of the tables',
    answers: [VfioRequest.IOMMU_GET_INFO, IommufdRequest.IOAS_IOVA_RANGES],
    codes: ['MAP_LENGTH_UNALIGNED', 'MAP_IOVA_UNALIGNED', 'MAP_USER_ADDRESS_UNALIGNED', 'TYPE1_MAP_ALIGNMENT'],
  },
  {
    id: 'hardware-information',
    topic: 'registers that GET_HW_INFO shows, and their form',
    answers: [IommufdRequest.GET_HW_INFO],
    codes: [],
  },
  {
    id: 'page-tables',
    topic: 'page tables that the driver makes: nest parents, dirty tracking, nested ones',
    answers: [],
    codes: ['DRIVER_EOPNOTSUPP', 'DRIVER_EINVAL', 'HWPT_ALLOC_NO_DIRTY_TRACKING', 'DIRTY_UNSUPPORTED'],
  },
  {
    id: 'coherency',
    topic: 'whether DMA that asks not to be coherent can be made coherent',
    answers: [],
    codes: [],
    extension: VfioExtension.DMA_CC,
  },
];

function shows(row: VendorRow, found: AnsweredTwice, effect: DifferenceEffect): boolean {
  const { step, left, right } = found;
  if (step.op !== 'ioctl') return false;
  const request = Number(step.nr);
  if (effect === 'refusal') return [left, right].some(({ refusal }) => row.codes.includes(refusal?.code ?? ''));
  if (effect === 'answer') return row.answers.includes(request);
  return request === VfioRequest.CHECK_EXTENSION && 'argval' in step && Number(step.argval) === row.extension;
}

/** What becomes of a device's read from what is mapped for writing alone (VT-d 9.8 R, DDI 0487 AP[2:1], 48882 2.2.3 IR). */
const WRITE_ONLY = {
  id: 'write-only',
  topic: "a device's read from what is mapped for writing alone: only AMD's host tables have IW without IR",
};

/** Why two IOMMUs answer a step differently. */
export function explainVendorDifference(left: string, right: string, found: AnsweredTwice): readonly DiffReason[] {
  if (found.step.op === 'dma') {
    const [one, other] = [found.left.dma, found.right.dma];
    if (one?.meetsWriteOnly !== true && other?.meetsWriteOnly !== true) return [];
    const said = (backend: string, isServed: boolean | undefined): string =>
      `${backend}: ${isServed ? 'served' : 'refused'}`;
    return [{ table: 'vendor', ...WRITE_ONLY, left: said(left, one?.isServed), right: said(right, other?.isServed) }];
  }
  const effect = effectOf(found);
  return rows
    .filter((row) => shows(row, found, effect))
    .map(({ id, topic }) => ({ table: 'vendor', id, topic, left, right }));
}
