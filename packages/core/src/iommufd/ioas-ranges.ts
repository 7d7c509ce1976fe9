import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuIoasAllowIovas, IommuIoasIovaRanges, IommuIovaRange } from '../abi/index.js';
import { rangesOverlap, type Range64 } from '../bits/index.js';
import type { IoResult } from '../errno/index.js';
import { right } from 'fp-ts/lib/Either.js';
import type { IoctlFrame, IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const ranges = IommuIoasIovaRanges.offsets;
const allow = IommuIoasAllowIovas.offsets;

const elementAt = (array: bigint, index: number): bigint =>
  BigInt.asUintN(64, array + BigInt(index * IommuIovaRange.size));

/** IOMMU_IOAS_IOVA_RANGES: what is not reserved, whether allowed or mapped does not matter. */
export const listIovaRanges: IoctlHandler = (frame) => {
  const { view, state, process } = frame;
  if (view.getUint32(ranges.__reserved, true) !== 0) return refuse('IOVA_RANGES_RESERVED_FIELD');
  const id = view.getUint32(ranges.ioas_id, true);
  const ioas = state.ioas(id);
  if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', id);
  const room = view.getUint32(ranges.num_iovas, true);
  const array = view.getBigUint64(ranges.allowed_iovas, true);
  const usable = ioas.table.usableRanges();
  for (const [index, { start, last }] of usable.slice(0, room).entries()) {
    const bytes = IommuIovaRange.encode({ start, last });
    if (process.addressSpace.copyOut(elementAt(array, index), bytes) < bytes.length) {
      return refuse('IOVA_RANGES_NOT_WRITABLE', { array, index });
    }
  }
  view.setUint32(ranges.num_iovas, usable.length, true);
  view.setBigUint64(ranges.out_iova_alignment, ioas.table.iovaAlignment, true);
  const responded = frame.respond();
  if (isLeft(responded) || usable.length <= room) return responded;
  return refuse('IOVA_RANGES_ARRAY_TOO_SHORT', { room, ranges: usable.length });
};

/** IOMMU_IOAS_ALLOW_IOVAS: replaces the list of ranges that may never become reserved; none: every IOVA may. */
export const allowIovas: IoctlHandler = (frame) => {
  const { view, state } = frame;
  if (view.getUint32(allow.__reserved, true) !== 0) return refuse('ALLOW_IOVAS_RESERVED_FIELD');
  const id = view.getUint32(allow.ioas_id, true);
  const ioas = state.ioas(id);
  if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', id);
  const list = readRanges(frame, view.getBigUint64(allow.allowed_iovas, true), view.getUint32(allow.num_iovas, true));
  return isLeft(list) ? list : ioas.table.setAllowed(list.right);
};

function readRanges({ process }: IoctlFrame, array: bigint, count: number): IoResult<Range64[]> {
  const list: Range64[] = [];
  const bytes = new Uint8Array(IommuIovaRange.size);
  for (let index = 0; index < count; index++) {
    if (process.addressSpace.copyIn(elementAt(array, index), bytes) < bytes.length) {
      return refuse('ALLOW_IOVAS_UNREADABLE', { array, index });
    }
    const range = IommuIovaRange.decode(bytes);
    if (range.start >= range.last) return refuse('ALLOW_IOVAS_EMPTY', { index, ...range });
    const other = list.find((earlier) => rangesOverlap(earlier, range));
    if (other !== undefined) {
      return refuse('ALLOW_IOVAS_OVERLAP', { index, ...range, otherStart: other.start, otherLast: other.last });
    }
    list.push(range);
  }
  return right(list);
}
