import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuHwptInvalidate } from '../abi/index.js';
import { done, type IoResult } from '../errno/index.js';
import { refuseDriver } from './driver-refusal.js';
import { HwptNested } from './hwpt.js';
import type { IoctlFrame, IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const at = IommuHwptInvalidate.offsets;
/** Entries are read and handed to the driver in pieces of at most this many bytes. */
const CHUNK_BYTES = 4096;

/** IOMMU_HWPT_INVALIDATE: `entry_num` comes back as the number of entries that were handled, whatever the result. */
export const invalidateHwpt: IoctlHandler = (frame) => {
  let handled = 0;
  const outcome = invalidate(frame, (count) => (handled += count));
  frame.view.setUint32(at.entry_num, handled, true);
  const responded = frame.respond();
  return isLeft(responded) ? responded : outcome;
};

function invalidate(frame: IoctlFrame, handle: (count: number) => void): IoResult<0> {
  const { view, state, process } = frame;
  const u32 = (offset: number): number => view.getUint32(offset, true);
  if (u32(at.__reserved) !== 0) return refuse('INVALIDATE_RESERVED_FIELD');
  const count = u32(at.entry_num);
  const entryBytes = u32(at.entry_len);
  const address = view.getBigUint64(at.data_uptr, true);
  const { invalidateEntryLimit } = state.environment.profile;
  if (count > 0) {
    if (address === 0n || entryBytes === 0) return refuse('INVALIDATE_ARRAY', { address, entryBytes });
    if (invalidateEntryLimit > 0 && (entryBytes > state.environment.pageSize || count > invalidateEntryLimit)) {
      return refuse('INVALIDATE_LIMIT', { entryBytes, count, limit: invalidateEntryLimit });
    }
  }
  const id = u32(at.hwpt_id);
  const hwpt = state.objects.find(id, HwptNested);
  if (hwpt === undefined) return state.refuseId('HWPT_NESTED_NOT_FOUND', id);

  const dataType = u32(at.data_type);
  const perChunk = Math.max(1, Math.floor(CHUNK_BYTES / Math.max(entryBytes, 1)));
  let first = 0;
  do {
    const asked = Math.min(perChunk, count - first);
    const bytes = new Uint8Array(asked * entryBytes);
    const from = BigInt.asUintN(64, address + BigInt(first * entryBytes));
    const read = asked === 0 ? 0 : process.addressSpace.copyIn(from, bytes);
    // The driver reads entry by entry: those before an unreadable one are done.
    const readable = asked === 0 ? 0 : Math.floor(read / entryBytes);
    const { handled, errno } = hwpt.domain.invalidate(
      dataType,
      entryBytes,
      readable,
      bytes.subarray(0, readable * entryBytes),
    );
    handle(handled);
    if (errno !== 0) return refuseDriver(errno, 'invalidate', { dataType, entry: first + handled });
    if (readable < asked) return refuse('INVALIDATE_UNREADABLE', { address, entry: first + readable });
    first += asked;
  } while (first < count);
  return done;
}
