import {
  done,
  VfioIommuType1DmaUnmap,
  type IoctlCall,
  type IommufdContext,
  type IoPageTable,
  type IoResult,
} from '@ioasis/core';
import { UnmapFlag } from '../abi/constants.js';
import { answer, copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';

const { refuse } = vfioRefusals;

/**
 * VFIO_IOMMU_UNMAP_DMA on the compatibility IOAS (`iommufd_vfio_unmap_dma`). The bytes that are gone are written back also when the call fails;
 * only a cut that is impossible leaves the structure as it was.
 */
export function unmapDma(context: IommufdContext, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIommuType1DmaUnmap);
  if (argument._tag === 'Left') return argument;
  const { values } = argument.right;
  const { flags, iova, size } = values;
  if ((flags & ~UnmapFlag.ALL) !== 0) return refuse('COMPAT_UNMAP_FLAGS', { flags });
  const ioas = context.compat.require();
  if (ioas._tag === 'Left') return ioas;
  const { table } = ioas.right;
  const all = (flags & UnmapFlag.ALL) !== 0;
  if (all && (iova !== 0n || size !== 0n)) return refuse('COMPAT_UNMAP_ALL_RANGE', { iova, size });
  if (!all) {
    const cut = cutAtEnds(table, iova, size);
    if (cut._tag === 'Left') return cut;
  }
  const unmapped = all ? table.unmapAll() : table.unmap(iova, size);
  const nothing = unmapped._tag === 'Right' && unmapped.right === 0n && !all;
  const written = answer(call, VfioIommuType1DmaUnmap.encode({ ...values, size: table.unmappedBytes }));
  if (written._tag === 'Left') return written;
  if (unmapped._tag === 'Left') return unmapped;
  if (nothing && context.profile.emptyCompatUnmap === 'ENOENT') return refuse('COMPAT_UNMAP_EMPTY', { iova, size });
  return done;
}

/** In TYPE1 mode areas are cut in the middle first. The cuts stay even when the unmap fails, also those of an empty range. */
function cutAtEnds(table: IoPageTable, iova: bigint, size: bigint): IoResult<0> {
  if (!table.largePagesDisabled) return done;
  const last = BigInt.asUintN(64, iova + size - 1n);
  return table.cut(iova === 0n ? [last] : [last, iova - 1n]);
}
