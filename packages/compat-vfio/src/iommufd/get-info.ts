import { right } from 'fp-ts/lib/Either.js';
import {
  done,
  VfioIommuType1Info,
  VfioIommuType1InfoCapIovaRange,
  VfioIommuType1InfoDmaAvail,
  VfioInfoCapHeader,
  VfioIovaRange,
  type Ioas,
  type IoctlCall,
  type IommufdContext,
  type IoPageTable,
  type IoResult,
} from '@ioasis/core';
import { InfoCap, InfoFlag } from '../abi/constants.js';
import { answer, copyArgument } from '../argument.js';

const CAP_ALIGNMENT = 8;
/** iommufd has no limit on mappings of its own. */
const NO_LIMIT = 0xffff_ffff;
/** DMA_AVAIL is first, behind the structure; IOVA_RANGE follows. */
const DMA_AVAIL_AT: number = VfioIommuType1Info.size;
const IOVA_RANGE_AT: number = DMA_AVAIL_AT + Math.ceil(VfioIommuType1InfoDmaAvail.size / CAP_ALIGNMENT) * CAP_ALIGNMENT;

/**
 * VFIO_IOMMU_GET_INFO on the compatibility IOAS (`iommufd_vfio_iommu_get_info`). Capabilities are written as far as `argsz` reaches, each at its
 * place, but `cap_offset` leads to them only when all fit; `argsz` always comes back as what all need.
 */
export function getInfo(context: IommufdContext, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIommuType1Info);
  if (argument._tag === 'Left') return argument;
  const { argsz } = argument.right.values;
  const ioas = context.compat.require();
  if (ioas._tag === 'Left') return ioas;
  const { table } = ioas.right;
  const capabilities = writeCapabilities(call, table, argsz);
  if (capabilities._tag === 'Left') return capabilities;
  const info = VfioIommuType1Info.encode({
    argsz: capabilities.right,
    flags: InfoFlag.PGSIZES | InfoFlag.CAPS,
    iova_pgsizes: pageSizes(ioas.right, context.environment.pageSize),
    cap_offset: argsz >= capabilities.right ? DMA_AVAIL_AT : 0,
  });
  return answer(call, info.subarray(0, Math.min(argsz, info.length)));
}

/**
 * Page sizes that all domains have; sizes below PAGE_SIZE are shown as PAGE_SIZE. The alignment of IOVAs counts when it is the larger number,
 * which is how it comes in without a domain.
 */
function pageSizes({ table }: Ioas, pageBytes: number): bigint {
  const page = BigInt(pageBytes);
  let common = 0xffff_ffff_ffff_ffffn;
  for (const domain of table.domains) common &= domain.pageSizes;
  if ((common & (page - 1n)) !== 0n) common = BigInt.asUintN(64, common & -page) | page;
  return common > table.iovaAlignment ? common : table.iovaAlignment;
}

/** @returns bytes that the structure and all capabilities need */
function writeCapabilities(call: IoctlCall, table: IoPageTable, argsz: number): IoResult<number> {
  if (argsz >= DMA_AVAIL_AT + VfioIommuType1InfoDmaAvail.size) {
    const dmaAvail = VfioIommuType1InfoDmaAvail.encode({ id: InfoCap.DMA_AVAIL, version: 1, avail: NO_LIMIT });
    const written = answer(call, dmaAvail, DMA_AVAIL_AT);
    if (written._tag === 'Left') return written;
  }
  const ranges = writeRanges(call, table, argsz);
  if (ranges._tag === 'Left') return ranges;
  if (argsz >= IOVA_RANGE_AT) {
    const next = new Uint8Array(4);
    new DataView(next.buffer).setUint32(0, IOVA_RANGE_AT, true);
    const linked = answer(call, next, DMA_AVAIL_AT + VfioInfoCapHeader.offsets.next);
    if (linked._tag === 'Left') return linked;
  }
  return right(IOVA_RANGE_AT + ranges.right);
}

/** Writes the ranges that fit, and the head when all do. @returns bytes of the whole capability */
function writeRanges(call: IoctlCall, table: IoPageTable, argsz: number): IoResult<number> {
  const ranges = table.usableRanges();
  const head = VfioIommuType1InfoCapIovaRange;
  for (const [at, { start, last }] of ranges.entries()) {
    const offset = IOVA_RANGE_AT + head.size + at * VfioIovaRange.size;
    if (argsz < offset + VfioIovaRange.size) break;
    const written = answer(call, VfioIovaRange.encode({ start, end: last }), offset);
    if (written._tag === 'Left') return written;
  }
  const bytes = head.size + ranges.length * VfioIovaRange.size;
  const whole = argsz >= IOVA_RANGE_AT + bytes;
  const headBytes = head.encode({ id: InfoCap.IOVA_RANGE, version: 1, nr_iovas: ranges.length });
  const written = whole ? answer(call, headBytes, IOVA_RANGE_AT) : done;
  return written._tag === 'Left' ? written : right(bytes);
}
