import {
  VfioIommuType1Info,
  VfioIommuType1InfoCapIovaRange,
  VfioIommuType1InfoCapMigration,
  VfioIommuType1InfoDmaAvail,
  VfioInfoCapHeader,
  VfioIovaRange,
  type IoctlCall,
  type IoResult,
} from '@ioasis/core';
import { InfoCap, InfoFlag } from '../abi/constants.js';
import { answer, copyArgument } from '../argument.js';
import { BITMAP_BYTES_MAX } from './dirty-bits.js';
import type { Type1State } from './state.js';

const ALIGNMENT = 8;

/**
 * VFIO_IOMMU_GET_INFO of the classic container (`vfio_iommu_type1_get_info`): the capabilities come all or not at all, and an `argsz` that was
 * large enough stays as it was.
 */
export function getInfo(state: Type1State, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIommuType1Info);
  if (argument._tag === 'Left') return argument;
  const { argsz } = argument.right.values;
  const capabilities = capabilityChain(state);
  const needed = VfioIommuType1Info.size + capabilities.length;
  const fits = argsz >= needed;
  if (fits) {
    const written = answer(call, capabilities, VfioIommuType1Info.size);
    if (written._tag === 'Left') return written;
  }
  const info = VfioIommuType1Info.encode({
    argsz: fits ? argsz : needed,
    flags: InfoFlag.PGSIZES | InfoFlag.CAPS,
    iova_pgsizes: state.pageSizes,
    cap_offset: fits ? VfioIommuType1Info.size : 0,
  });
  return answer(call, info.subarray(0, Math.min(argsz, info.length)));
}

/** MIGRATION, DMA_AVAIL and, with an IOMMU behind the container, IOVA_RANGE, each padded to 8 bytes. */
function capabilityChain(state: Type1State): Uint8Array {
  const { windows } = state;
  const chain = [
    VfioIommuType1InfoCapMigration.encode({
      id: InfoCap.MIGRATION,
      version: 1,
      pgsize_bitmap: state.smallestPage,
      max_dirty_bitmap_size: BITMAP_BYTES_MAX,
    }),
    VfioIommuType1InfoDmaAvail.encode({ id: InfoCap.DMA_AVAIL, version: 1, avail: state.available }),
  ];
  if (windows.length > 0) {
    const head = { id: InfoCap.IOVA_RANGE, version: 1, nr_iovas: windows.length };
    const ranges = windows.map(({ start, last }) => VfioIovaRange.encode({ start, end: last }));
    chain.push(join([VfioIommuType1InfoCapIovaRange.encode(head), ...ranges]));
  }
  let offset = VfioIommuType1Info.size;
  for (const [at, capability] of chain.entries()) {
    offset += Math.ceil(capability.length / ALIGNMENT) * ALIGNMENT;
    if (at + 1 < chain.length) new DataView(capability.buffer).setUint32(VfioInfoCapHeader.offsets.next, offset, true);
  }
  return join(chain);
}

/** One behind the other, each padded to 8 bytes. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + Math.ceil(part.length / ALIGNMENT) * ALIGNMENT, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += Math.ceil(part.length / ALIGNMENT) * ALIGNMENT;
  }
  return bytes;
}
