import { copyUserEntry, Errno, type NestedDomain, type UserDataArray } from '@ioasis/core';
import { MOCK_INVALIDATE_ALL, MOCK_INVALIDATE_BYTES, MOCK_INVALIDATE_TYPE, MOCK_IOTLB_ENTRIES } from './constants.js';

/** The mock's page table of a user: four IOTLB values that invalidations clear. */
export class MockNestedDomain implements NestedDomain {
  readonly iotlb: Uint32Array;

  constructor(value: number) {
    this.iotlb = new Uint32Array(MOCK_IOTLB_ENTRIES).fill(value);
  }

  invalidate(entries: UserDataArray): { handled: number; errno: number } {
    if (entries.type !== MOCK_INVALIDATE_TYPE) return { handled: 0, errno: Errno.EINVAL };
    for (let handled = 0; handled < entries.count; handled++) {
      const errno = this.#invalidateOne(entries, handled);
      if (errno !== 0) return { handled, errno };
    }
    return { handled: entries.count, errno: 0 };
  }

  #invalidateOne(entries: UserDataArray, index: number): number {
    const entry = copyUserEntry(entries, index, MOCK_INVALIDATE_TYPE, MOCK_INVALIDATE_BYTES, MOCK_INVALIDATE_BYTES);
    if (typeof entry === 'number') return entry;
    const view = new DataView(entry.buffer);
    const flags = view.getUint32(0, true);
    const id = view.getUint32(4, true);
    if ((flags & ~MOCK_INVALIDATE_ALL) !== 0) return Errno.EOPNOTSUPP;
    if (id >= MOCK_IOTLB_ENTRIES) return Errno.EINVAL;
    if ((flags & MOCK_INVALIDATE_ALL) !== 0) this.iotlb.fill(0);
    else this.iotlb[id] = 0;
    return 0;
  }

  free(): void {}
}
