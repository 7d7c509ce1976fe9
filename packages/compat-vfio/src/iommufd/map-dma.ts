import { done, Prot, VfioIommuType1DmaMap, type IoctlCall, type IommufdContext, type IoResult } from '@ioasis/core';
import { MapFlag } from '../abi/constants.js';
import { copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';

const KNOWN_FLAGS: number = MapFlag.READ | MapFlag.WRITE;

/** VFIO_IOMMU_MAP_DMA on the compatibility IOAS (`iommufd_vfio_map_dma`): a fixed IOVA, and no permission at all is allowed. */
export function mapDma(context: IommufdContext, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIommuType1DmaMap);
  if (argument._tag === 'Left') return argument;
  const { flags, vaddr, iova, size } = argument.right.values;
  if ((flags & ~KNOWN_FLAGS) !== 0) return vfioRefusals.refuse('COMPAT_MAP_FLAGS', { flags });
  const ioas = context.compat.require();
  if (ioas._tag === 'Left') return ioas;
  const mapped = ioas.right.table.map({
    process: call.process,
    userVa: vaddr,
    length: size,
    iova,
    prot: Prot.CACHE | (flags & MapFlag.READ ? Prot.READ : 0) | (flags & MapFlag.WRITE ? Prot.WRITE : 0),
    accountMode: context.accountMode,
  });
  return mapped._tag === 'Left' ? mapped : done;
}
