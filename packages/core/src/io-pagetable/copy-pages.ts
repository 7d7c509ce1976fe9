import { left } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import { frameHi, frameLo, type AddressSpace } from '../memory/index.js';
import type { TableState } from './table-state.js';
import { pinFault } from './page-reader.js';
import type { Pages } from './pages.js';
import { refusals } from './refusals.js';

/**
 * Copies bytes from or to a page array from byte `start` on (`iopt_pages_rw_access`). A caller who sees the memory copies as any kernel code
 * does; else one page is pinned by itself and several are read like a domain would.
 */
export function copyPages(
  table: TableState,
  pages: Pages,
  start: bigint,
  bytes: Uint8Array,
  write: boolean,
  current: AddressSpace | null,
): IoResult<0> {
  const size = BigInt(table.pageSize);
  const { addressSpace } = pages.process;
  if (current === addressSpace) {
    const address = BigInt(pages.firstPage) * size + start;
    const copied = write ? addressSpace.copyOut(address, bytes) : addressSpace.copyIn(address, bytes);
    return copied === bytes.length ? done : refusals.refuse('ACCESS_COPY_FAULT', { address, copied });
  }
  const first = Number(start / size);
  const last = Number((start + BigInt(bytes.length) - 1n) / size);
  const offset = Number(start % size);
  return first === last && !addressSpace.ended
    ? copyOnePage(pages, first, offset, bytes, write)
    : copyThroughReader(table, pages, first, last, offset, bytes, write);
}

function copyOnePage(pages: Pages, index: number, offset: number, bytes: Uint8Array, write: boolean): IoResult<0> {
  const { addressSpace } = pages.process;
  const frame = new Float64Array(1);
  if (addressSpace.pinPages(pages.firstPage + index, 1, write, frame, 0) !== 1) return left(pinFault(pages, index));
  move(addressSpace, frame[0]!, offset, bytes, write);
  addressSpace.unpinPages(frame, 0, 1);
  return done;
}

function copyThroughReader(
  table: TableState,
  pages: Pages,
  first: number,
  last: number,
  offset: number,
  bytes: Uint8Array,
  write: boolean,
): IoResult<0> {
  const { reader, tempMemoryLimit, pageSize } = table;
  let refusal = reader.first(pages, first, last, tempMemoryLimit);
  if (refusal !== null) return left(refusal);
  let at = 0;
  let inPage = offset;
  while (refusal === null && !reader.done) {
    reader.batch.forEachPage((frame) => {
      const part = bytes.subarray(at, at + pageSize - inPage);
      move(pages.process.addressSpace, frame, inPage, part, write);
      at += part.length;
      inPage = 0;
    });
    reader.unpinBatch();
    refusal = reader.next();
  }
  reader.end();
  return refusal === null ? done : left(refusal);
}

function move({ pages }: AddressSpace, frame: number, offset: number, bytes: Uint8Array, write: boolean): void {
  const address = (BigInt(frameHi(frame) >>> 0) << 32n) + BigInt(frameLo(frame) >>> 0) + BigInt(offset);
  if (write) pages.memory.write(address, bytes);
  else pages.memory.read(address, bytes);
}
