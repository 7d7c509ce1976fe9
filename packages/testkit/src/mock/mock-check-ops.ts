import { done, HwptNested, HwptPaging, type HwPageTable, type IoctlFrame, type IoResult } from '@ioasis/core';
import { isLeft, right } from 'fp-ts/lib/Either.js';
import { MOCK_IO_PAGE_SHIFT } from './constants.js';
import { MockDomain } from './mock-domain.js';
import { MockNestedDomain } from './mock-nested-domain.js';
import { mockRefusals } from './refusals.js';
import { TestCommand } from './test-command.js';
import { frameOfUserPage } from './user-page.js';

const { refuse } = mockRefusals;
const IO_PAGE = 2n ** BigInt(MOCK_IO_PAGE_SHIFT);
const U64 = 1n << 64n;
const MAX_BITMAP_BITS = 16n * 1024n * 1024n * 8n;
const MIN_TEMP_MEMORY = 12;

const word = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** ADD_RESERVED: a reserved range without an owner, which stays as long as the IOAS. */
export function addReserved({ view, state }: IoctlFrame): IoResult<0> {
  const at = TestCommand.ADD_RESERVED.offsets;
  const start = view.getBigUint64(at.start, true);
  const length = view.getBigUint64(at.length, true);
  if (length === 0n) return refuse('TEST_RESERVED_EMPTY', { start });
  if (start + length > U64) return refuse('TEST_RESERVED_OVERFLOW', { start, length });
  const id = view.getUint32(at.id, true);
  const ioas = state.ioas(id);
  if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', id);
  return ioas.table.reserve(start, start + length - 1n, null);
}

/** MD_CHECK_MAP: every IO page of the range leads to the memory behind `uptr`. */
export function checkMap(frame: IoctlFrame): IoResult<0> {
  const { view, process, state } = frame;
  const at = TestCommand.MD_CHECK_MAP.offsets;
  const iova = view.getBigUint64(at.iova, true);
  const length = view.getBigUint64(at.length, true);
  const uptr = view.getBigUint64(at.uptr, true);
  if (iova % IO_PAGE !== 0n || length % IO_PAGE !== 0n || uptr % IO_PAGE !== 0n || uptr + length >= U64) {
    return refuse('TEST_CHECK_UNALIGNED', { iova, length, uptr });
  }
  const found = mockDomainOf(frame, view.getUint32(at.id, true));
  if (found._tag === 'Left') return found;
  const page = BigInt(state.environment.pageSize);
  for (let offset = 0n; offset < length; offset += IO_PAGE) {
    const address = BigInt.asUintN(64, uptr + offset);
    const memory = frameOfUserPage(process, address);
    if (isLeft(memory)) return memory;
    const expected = BigInt(memory.right) * 4096n + (address % page);
    const ioAddress = BigInt.asUintN(64, iova + offset);
    const domain = found.right;
    const isMapped = domain.iovaToPhys(word(ioAddress >> 32n), word(ioAddress));
    const pa = (BigInt(domain.foundPaHi >>> 0) << 32n) | BigInt(domain.foundPaLo >>> 0);
    if (!isMapped || pa !== expected) {
      return refuse('TEST_CHECK_MAP', { iova: ioAddress, expected, found: isMapped ? pa : 'nothing' });
    }
  }
  return done;
}

/** MD_CHECK_REFS: every page is pinned `refs` times. Huge pages are not counted. */
export function checkRefs({ view, process, state }: IoctlFrame): IoResult<0> {
  const at = TestCommand.MD_CHECK_REFS.offsets;
  const length = view.getBigUint64(at.length, true);
  const uptr = view.getBigUint64(at.uptr, true);
  const refs = view.getUint32(at.refs, true);
  const page = BigInt(state.environment.pageSize);
  if (length % page !== 0n || uptr % page !== 0n || uptr + length >= U64) {
    return refuse('TEST_CHECK_UNALIGNED', { length, uptr });
  }
  for (let offset = 0n; offset < length; offset += page) {
    const address = BigInt.asUintN(64, uptr + offset);
    const memory = frameOfUserPage(process, address);
    if (isLeft(memory)) return memory;
    if (process.addressSpace.isHugeAt(address)) continue;
    const pins = process.addressSpace.pinCountOf(memory.right);
    if (pins !== refs) return refuse('TEST_CHECK_REFS', { uptr: address, refs, pins });
  }
  return done;
}

/** MD_CHECK_IOTLB: a slot of a nested page table holds the value. */
export function checkIotlb(frame: IoctlFrame): IoResult<0> {
  const { view } = frame;
  const at = TestCommand.MD_CHECK_IOTLB.offsets;
  const id = view.getUint32(at.id, true);
  const hwpt = frame.state.objects.find(id, HwptNested);
  if (hwpt === undefined) return refuse('TEST_PAGE_TABLE_NOT_FOUND', { id });
  if (!(hwpt.domain instanceof MockNestedDomain)) return refuse('TEST_PAGE_TABLE_KIND', { id });
  const slot = view.getUint32(at.slot, true);
  const expected = view.getUint32(at.iotlb, true);
  const value = hwpt.domain.iotlb[slot];
  return value === expected ? done : refuse('TEST_CHECK_IOTLB', { slot, expected, value: value ?? 'no slot' });
}

/** SET_TEMP_MEMORY_LIMIT: how much memory a batch of pages may take, from now on and on the whole machine. */
export function setTempMemoryLimit({ view, state }: IoctlFrame): IoResult<0> {
  const limit = view.getUint32(TestCommand.SET_TEMP_MEMORY_LIMIT.offsets.limit, true);
  if (limit < MIN_TEMP_MEMORY) return refuse('TEST_MEMORY_LIMIT', { limit });
  state.environment.tempMemory.limit = limit;
  return done;
}

/** DIRTY: marks IO pages as written by the device, by the bits of a bitmap. */
export function markDirty(frame: IoctlFrame): IoResult<0> {
  const { view, process } = frame;
  const at = TestCommand.DIRTY.offsets;
  const iova = view.getBigUint64(at.iova, true);
  const length = view.getBigUint64(at.length, true);
  const pageSize = view.getBigUint64(at.page_size, true);
  const uptr = view.getBigUint64(at.uptr, true);
  const isRange = pageSize !== 0n && length !== 0n && iova % pageSize === 0n && length % pageSize === 0n;
  if (!isRange || uptr === 0n) return refuse('TEST_DIRTY_ARGUMENT', { iova, length, pageSize, uptr });
  const bits = length / pageSize;
  if (bits > MAX_BITMAP_BITS) return refuse('TEST_DIRTY_TOO_LONG', { bits });
  const found = mockDomainOf(frame, view.getUint32(at.id, true));
  if (found._tag === 'Left') return found;
  if (!found.right.isTracking) return refuse('TEST_DIRTY_OFF');
  const bitmap = new Uint8Array(Number((bits + 7n) / 8n));
  if (process.addressSpace.copyIn(uptr, bitmap) < bitmap.length) return refuse('TEST_DIRTY_UNREADABLE', { uptr });
  let count = 0;
  for (let bit = 0; bit < bits; bit++) {
    if ((bitmap[bit >> 3]! & (1 << (bit & 7))) === 0) continue;
    // The mock takes the number of the caller's page for that of an IO page.
    if (found.right.markDirty(Number((iova + BigInt(bit) * pageSize) / pageSize))) count++;
  }
  view.setBigUint64(at.out_nr_dirty, BigInt(count), true);
  return frame.respond();
}

function mockDomainOf({ state }: IoctlFrame, id: number): IoResult<MockDomain> {
  const hwpt: HwPageTable | undefined = state.objects.find(id, HwptPaging);
  if (hwpt === undefined) return refuse('TEST_PAGE_TABLE_NOT_FOUND', { id });
  return hwpt.domain instanceof MockDomain ? right(hwpt.domain) : refuse('TEST_PAGE_TABLE_KIND', { id });
}
