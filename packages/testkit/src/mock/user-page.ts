import type { IoResult, Process } from '@ioasis/core';
import { right } from 'fp-ts/lib/Either.js';
import { mockRefusals } from './refusals.js';

const { refuse } = mockRefusals;
const U64 = 1n << 64n;

/**
 * First frame of the page at an address as a read of the program would see it (Linux: `get_user_pages_fast` of one page).
 * The last page of the 64-bit space is told apart: the end behind it overflows before anybody asks whose it is.
 */
export function frameOfUserPage({ addressSpace }: Process, address: bigint): IoResult<number> {
  const pageSize = BigInt(addressSpace.pageSize);
  const page = address / pageSize;
  if ((page + 1n) * pageSize >= U64) return refuse('TEST_CHECK_OVERFLOW', { uptr: address });
  const frame = addressSpace.frameOfPage(Number(page));
  return frame < 0 ? refuse('TEST_CHECK_UNREADABLE', { uptr: address }) : right(frame);
}
