import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuHwptInvalidate } from '../abi/index.js';
import type { UserDataArray } from '../domain/index.js';
import { done, Errno, type IoResult } from '../errno/index.js';
import { refuseDriver } from './refuse-driver.js';
import { HwptNested } from './hwpt.js';
import type { IoctlFrame, IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const at = IommuHwptInvalidate.offsets;

/** IOMMU_HWPT_INVALIDATE: `entry_num` comes back as the number of entries that were handled, whatever the result. */
export const invalidateHwpt: IoctlHandler = (frame) => {
  let handled = 0;
  const outcome = invalidate(frame, (count) => (handled = count));
  frame.view.setUint32(at.entry_num, handled, true);
  const responded = frame.respond();
  return isLeft(responded) ? responded : outcome;
};

function invalidate(frame: IoctlFrame, handle: (count: number) => void): IoResult<0> {
  const { view, state } = frame;
  if (view.getUint32(at.__reserved, true) !== 0) return refuse('INVALIDATE_RESERVED_FIELD');
  const entries = entriesOf(frame);
  const { count, entryBytes } = entries;
  const { invalidateEntryLimit } = state.environment.profile;
  if (count > 0) {
    const address = view.getBigUint64(at.data_uptr, true);
    if (address === 0n || entryBytes === 0) return refuse('INVALIDATE_ARRAY', { address, entryBytes });
    if (entryBytes > state.environment.pageSize || count > invalidateEntryLimit) {
      return refuse('INVALIDATE_LIMIT', { entryBytes, count, limit: invalidateEntryLimit });
    }
  }
  const id = view.getUint32(at.hwpt_id, true);
  const hwpt = state.objects.find(id, HwptNested);
  if (hwpt === undefined) return state.refuseId('HWPT_NESTED_NOT_FOUND', id);
  const { handled, errno } = hwpt.domain.invalidate(entries);
  handle(handled);
  if (errno === 0) return done;
  if (errno === Errno.EFAULT) return refuse('INVALIDATE_UNREADABLE', { entry: handled });
  return refuseDriver(errno, 'invalidate', { dataType: entries.type, entry: handled });
}

function entriesOf({ view, process }: IoctlFrame): UserDataArray {
  const address = view.getBigUint64(at.data_uptr, true);
  const entryBytes = view.getUint32(at.entry_len, true);
  return {
    type: view.getUint32(at.data_type, true),
    entryBytes,
    count: view.getUint32(at.entry_num, true),
    read: (index, into) => {
      const from = BigInt.asUintN(64, address + BigInt(index) * BigInt(entryBytes));
      return process.addressSpace.copyIn(from, into) === into.length;
    },
  };
}
