import { VfioRequest } from '@ioasis/core';
import type { VfioRefusalCode } from '../refusals.js';
import type { Type1RefusalCode } from '../type1/refusals.js';

/** Number of a row, as documents cite it. */
export type DifferenceRowId = `${number}` | '6b';

/** How two answers to one request differ. */
export type DifferenceEffect =
  /** At least one side refuses. */
  | 'refusal'
  /** Both succeed and return different numbers. */
  | 'value'
  /** Both succeed and write different bytes. */
  | 'answer';

/** One respect in which the classic container and iommufd's differ. */
export interface DifferenceRow {
  readonly id: DifferenceRowId;
  readonly topic: string;
  /** What the classic container does: container.c and vfio_iommu_type1.c. */
  readonly type1: string;
  /** What iommufd does in its place: vfio_compat.c. */
  readonly iommufd: string;
  /** Request numbers in whose outcome the row shows; empty: in any. */
  readonly requests: readonly number[];
  /** How it shows there; empty: it does not show in an answer, only in what devices reach or who pays. */
  readonly shows: readonly DifferenceEffect[];
  /** Whose refusal with one of the codes below it takes: one side's that the row names, unless said otherwise. */
  readonly refuser: 'any' | 'type1' | 'both';
  /** For requests that take a number (an extension, a type): those in which it shows; empty: any. */
  readonly numbers: readonly number[];
  /** Refusal codes of the classic container that the row explains. */
  readonly type1Codes: readonly (Type1RefusalCode | VfioRefusalCode)[];
  /** Refusal codes of iommufd and of its IO page table that the row explains. */
  readonly iommufdCodes: readonly string[];
}

type RequestName =
  | 'CHECK_EXTENSION'
  | 'SET_IOMMU'
  | 'GET_STATUS'
  | 'SET_CONTAINER'
  | 'UNSET_CONTAINER'
  | 'GET_DEVICE_FD'
  | 'GET_INFO'
  | 'MAP_DMA'
  | 'UNMAP_DMA'
  | 'DIRTY_PAGES';

/** Requests of the container and of groups, named as in the table. */
export const Request: Readonly<Record<RequestName, number>> = {
  CHECK_EXTENSION: VfioRequest.CHECK_EXTENSION,
  SET_IOMMU: VfioRequest.SET_IOMMU,
  GET_STATUS: VfioRequest.GROUP_GET_STATUS,
  SET_CONTAINER: VfioRequest.GROUP_SET_CONTAINER,
  UNSET_CONTAINER: VfioRequest.GROUP_UNSET_CONTAINER,
  GET_DEVICE_FD: VfioRequest.GROUP_GET_DEVICE_FD,
  GET_INFO: VfioRequest.IOMMU_GET_INFO,
  MAP_DMA: VfioRequest.IOMMU_MAP_DMA,
  UNMAP_DMA: VfioRequest.IOMMU_UNMAP_DMA,
  DIRTY_PAGES: VfioRequest.IOMMU_DIRTY_PAGES,
};

type RowDetails = Partial<
  Pick<DifferenceRow, 'requests' | 'shows' | 'refuser' | 'numbers' | 'type1Codes' | 'iommufdCodes'>
>;

/** A row; one that names refusal codes shows as a refusal unless told otherwise. */
export function row(
  id: DifferenceRowId,
  topic: string,
  type1: string,
  iommufd: string,
  { requests = [], shows, refuser = 'any', numbers = [], type1Codes = [], iommufdCodes = [] }: RowDetails = {},
): DifferenceRow {
  const hasCodes = type1Codes.length + iommufdCodes.length > 0;
  return {
    id,
    topic,
    type1,
    iommufd,
    requests,
    shows: shows ?? (hasCodes ? ['refusal'] : []),
    refuser,
    numbers,
    type1Codes,
    iommufdCodes,
  };
}
