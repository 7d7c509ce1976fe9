import { isLeft } from 'fp-ts/lib/Either.js';
import { IoasMapFlag, IommuIoasCopy, IommuIoasMap, IommuIoasUnmap } from '../abi/index.js';
import { U64_MAX } from '../bits/index.js';
import { Prot } from '../domain/index.js';
import type { IoResult } from '../errno/index.js';
import type { IoctlFrame, IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

const KNOWN_FLAGS = IoasMapFlag.FIXED_IOVA | IoasMapFlag.WRITEABLE | IoasMapFlag.READABLE;
const PERMISSIONS = IoasMapFlag.WRITEABLE | IoasMapFlag.READABLE;

const map = IommuIoasMap.offsets;
const copy = IommuIoasCopy.offsets;
const unmap = IommuIoasUnmap.offsets;

/** True when the 64-bit field holds 2^64 - 1. */
const isMax = (view: DataView, offset: number): boolean =>
  view.getInt32(offset, true) === -1 && view.getInt32(offset + 4, true) === -1;

/** 4 KiB page of a 64-bit field, and the byte in it: what io-pagetable counts in. */
const pageAt = (view: DataView, offset: number): number =>
  view.getUint32(offset + 4, true) * 0x10_0000 + (view.getUint32(offset, true) >>> 12);
const byteAt = (view: DataView, offset: number): number => view.getUint16(offset, true) & 0xfff;

/** CACHE always: the user has no way to write caches back, and bind refused devices that would need it. */
const protOf = (flags: number): number =>
  Prot.CACHE |
  ((flags & IoasMapFlag.WRITEABLE) === 0 ? 0 : Prot.WRITE) |
  ((flags & IoasMapFlag.READABLE) === 0 ? 0 : Prot.READ);

const ioasOf = (frame: IoctlFrame, offset: number) => frame.state.ioas(frame.view.getUint32(offset, true));

/** Writes the chosen IOVA into the structure and the structure back. */
function respondIova(frame: IoctlFrame, offset: number, mapped: IoResult<bigint>): IoResult<0> {
  if (isLeft(mapped)) return mapped;
  frame.view.setBigUint64(offset, mapped.right, true);
  return frame.respond();
}

/** IOMMU_IOAS_MAP (`iommufd_ioas_map`). */
export const mapIoas: IoctlHandler = (frame) => {
  const { view, state, process } = frame;
  const flags = view.getUint32(map.flags, true);
  if ((flags & ~KNOWN_FLAGS) !== 0) return refuse('MAP_FLAGS', { flags });
  if (view.getUint32(map.__reserved, true) !== 0) return refuse('MAP_RESERVED_FIELD');
  if (isMax(view, map.iova) || isMax(view, map.length)) {
    return refuse('MAP_NUMBER_TOO_LARGE', {
      iova: view.getBigUint64(map.iova, true),
      length: view.getBigUint64(map.length, true),
    });
  }
  if ((flags & PERMISSIONS) === 0) return refuse('MAP_NO_PERMISSION', { flags });
  const ioas = ioasOf(frame, map.ioas_id);
  if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', view.getUint32(map.ioas_id, true));
  const { table } = ioas;
  const fixed = (flags & IoasMapFlag.FIXED_IOVA) !== 0;
  ioas.enter();
  const mapped = table.mapKeys({
    process,
    prot: protOf(flags),
    accountMode: state.accountMode,
    userPage: pageAt(view, map.user_va),
    userByte: byteAt(view, map.user_va),
    lengthPage: pageAt(view, map.length),
    lengthByte: byteAt(view, map.length),
    fixed,
    iovaPage: pageAt(view, map.iova),
    iovaByte: byteAt(view, map.iova),
  });
  if (!fixed && !isLeft(mapped)) view.setBigUint64(map.iova, table.mappedIova, true);
  const responded = isLeft(mapped) ? mapped : frame.respond();
  ioas.leave();
  return responded;
};

/** On a kernel with the self test: the source IOVA is the number of an area and an offset into it, as a fuzzer can guess it. */
const SOURCE_BY_AREA = 0x1_0000;

/** Puts the IOVA in the place of such a number (`iommufd_test_syz_conv_iova_id`). */
function resolveSource({ view, state }: IoctlFrame): void {
  const flags = view.getUint32(copy.flags, true);
  if ((flags & SOURCE_BY_AREA) === 0) return;
  view.setUint32(copy.flags, flags & ~SOURCE_BY_AREA, true);
  const source = state.ioas(view.getUint32(copy.src_ioas_id, true));
  if (source === undefined) return;
  view.setBigUint64(copy.src_iova, source.table.iovaByArea(view.getBigUint64(copy.src_iova, true)), true);
}

/** IOMMU_IOAS_COPY (`iommufd_ioas_copy`): the destination shares pins and charges with the source. */
export const copyIoas: IoctlHandler = (frame) => {
  const { view, state } = frame;
  if (state.environment.selfTest) resolveSource(frame);
  const flags = view.getUint32(copy.flags, true);
  if ((flags & ~KNOWN_FLAGS) !== 0) return refuse('COPY_FLAGS', { flags });
  if (isMax(view, copy.length) || isMax(view, copy.src_iova) || isMax(view, copy.dst_iova)) {
    return refuse('COPY_NUMBER_TOO_LARGE', {
      length: view.getBigUint64(copy.length, true),
      srcIova: view.getBigUint64(copy.src_iova, true),
      dstIova: view.getBigUint64(copy.dst_iova, true),
    });
  }
  if ((flags & PERMISSIONS) === 0) return refuse('COPY_NO_PERMISSION', { flags });
  const source = ioasOf(frame, copy.src_ioas_id);
  if (source === undefined) return state.refuseId('IOAS_NOT_FOUND', view.getUint32(copy.src_ioas_id, true));
  const length = view.getBigUint64(copy.length, true);
  const slices = source.table.slices(view.getBigUint64(copy.src_iova, true), length);
  if (isLeft(slices)) return slices;
  const target = ioasOf(frame, copy.dst_ioas_id);
  if (target === undefined) return state.refuseId('IOAS_NOT_FOUND', view.getUint32(copy.dst_ioas_id, true));
  const iova = (flags & IoasMapFlag.FIXED_IOVA) === 0 ? undefined : view.getBigUint64(copy.dst_iova, true);
  target.enter();
  const responded = respondIova(
    frame,
    copy.dst_iova,
    target.table.mapSlices(slices.right, length, iova, protOf(flags)),
  );
  target.leave();
  return responded;
};

/** IOMMU_IOAS_UNMAP (`iommufd_ioas_unmap`): whole mappings only; iova 0 with length 2^64 - 1 is everything. */
export const unmapIoas: IoctlHandler = (frame) => {
  const { view, state } = frame;
  const ioas = ioasOf(frame, unmap.ioas_id);
  if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', view.getUint32(unmap.ioas_id, true));
  const iova = view.getBigUint64(unmap.iova, true);
  const length = view.getBigUint64(unmap.length, true);
  const everything = iova === 0n && length === U64_MAX;
  if (!everything && (iova === U64_MAX || length === U64_MAX))
    return refuse('UNMAP_NUMBER_TOO_LARGE', { iova, length });
  ioas.enter();
  const unmapped = everything ? ioas.table.unmapAll() : ioas.table.unmap(iova, length);
  ioas.leave();
  if (isLeft(unmapped)) return unmapped;
  if (!everything && unmapped.right === 0n) return refuse('UNMAP_NOTHING_MAPPED', { iova, length });
  view.setBigUint64(unmap.length, unmapped.right, true);
  return frame.respond();
};
