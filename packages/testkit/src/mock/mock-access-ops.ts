import { isLeft, right } from 'fp-ts/lib/Either.js';
import { done, type IommufdAccess, type IoctlFrame, type IoResult } from '@ioasis/core';
import { AccessFile } from './access-file.js';
import { mockRefusals } from './refusals.js';
import { TestCommand } from './test-command.js';
import { frameOfUserPage } from './user-page.js';

const { refuse } = mockRefusals;
const PINS_PAGES = 1;
const WRITE = 1;
const SLOW_PATH = 4;
/** The IOVA is the number of an area and an offset into it, as a fuzzer can guess it. */
const BY_AREA = 0x1_0000;
const MAX_BYTES = 16n * 1024n * 1024n;

/** CREATE_ACCESS: an access attached to an IOAS, as a descriptor. */
export function createAccess(frame: IoctlFrame): IoResult<0> {
  const { view, state, process } = frame;
  const at = TestCommand.CREATE_ACCESS.offsets;
  const flags = view.getUint32(at.flags, true);
  if ((flags & ~PINS_PAGES) !== 0) return refuse('TEST_ACCESS_FLAGS', { flags });
  const made = AccessFile.create(state, view.getUint32(at.id, true), flags === PINS_PAGES);
  if (isLeft(made)) return made;
  const installed = process.install(made.right);
  if (isLeft(installed)) {
    made.right.release();
    return installed;
  }
  view.setUint32(at.out_access_fd, installed.right, true);
  const responded = frame.respond();
  if (isLeft(responded)) process.close(installed.right);
  return responded;
}

/** ACCESS_REPLACE_IOAS: moves an access to another IOAS. */
export function replaceAccess(frame: IoctlFrame): IoResult<0> {
  const at = TestCommand.ACCESS_REPLACE_IOAS.offsets;
  const file = fileOf(frame);
  return isLeft(file) ? file : file.right.access.replace(frame.view.getUint32(at.ioas_id, true));
}

/** ACCESS_PAGES: pins pages, compares them with those behind `uptr` and keeps them. */
export function pinPages(frame: IoctlFrame): IoResult<0> {
  const { view } = frame;
  const at = TestCommand.ACCESS_PAGES.offsets;
  const length = view.getBigUint64(at.length, true);
  const flags = view.getUint32(at.flags, true);
  if (length > MAX_BYTES) return refuse('TEST_ACCESS_TOO_LONG', { length });
  if ((flags & ~(WRITE | BY_AREA)) !== 0) return refuse('TEST_ACCESS_FLAGS', { flags });
  const opened = fileOf(frame);
  if (isLeft(opened)) return opened;
  const file = opened.right;
  if (!file.pinsPages) return refuse('TEST_ACCESS_NO_PIN', { fd: view.getUint32(at.id, true) });
  const iova = iovaOf(file.access, view.getBigUint64(at.iova, true), flags);
  const pinned = file.pin(iova, length, (flags & WRITE) !== 0);
  if (isLeft(pinned)) return pinned;
  const uptr = view.getBigUint64(at.uptr, true);
  const compared = uptr === 0n ? done : comparePages(frame, iova, uptr, pinned.right);
  if (isLeft(compared)) {
    file.access.unpin(iova, length);
    return compared;
  }
  const id = file.keep(iova, length);
  view.setUint32(at.out_access_pages_id, id, true);
  const responded = frame.respond();
  if (isLeft(responded)) file.destroyItem(id);
  return responded;
}

function comparePages({ process, state }: IoctlFrame, iova: bigint, uptr: bigint, pinned: Float64Array): IoResult<0> {
  const page = BigInt(state.environment.pageSize);
  const first = BigInt.asUintN(64, uptr - (iova % page));
  for (const [index, expected] of pinned.entries()) {
    const address = BigInt.asUintN(64, first + BigInt(index) * page);
    const found = frameOfUserPage(process, address);
    if (isLeft(found)) return found;
    if (found.right !== expected) return refuse('TEST_ACCESS_PAGES_DIFFER', { uptr: address });
  }
  return done;
}

/** DESTROY_ACCESS_PAGES: unpins what ACCESS_PAGES kept. */
export function destroyPages(frame: IoctlFrame): IoResult<0> {
  const file = fileOf(frame);
  const id = frame.view.getUint32(TestCommand.DESTROY_ACCESS_PAGES.offsets.access_pages_id, true);
  return isLeft(file) ? file : file.right.destroyItem(id);
}

/** ACCESS_RW: reads or writes the IOAS through a kernel access. */
export function readWrite(frame: IoctlFrame): IoResult<0> {
  const { view, process } = frame;
  const at = TestCommand.ACCESS_RW.offsets;
  const length = view.getBigUint64(at.length, true);
  const flags = view.getUint32(at.flags, true);
  if (length > MAX_BYTES) return refuse('TEST_ACCESS_TOO_LONG', { length });
  if ((flags & ~(WRITE | SLOW_PATH | BY_AREA)) !== 0) return refuse('TEST_ACCESS_FLAGS', { flags });
  const file = fileOf(frame);
  if (isLeft(file)) return file;
  const { access } = file.right;
  const bytes = new Uint8Array(Number(length));
  const uptr = view.getBigUint64(at.uptr, true);
  const isWrite = (flags & WRITE) !== 0;
  const { addressSpace } = process;
  if (isWrite && addressSpace.copyIn(uptr, bytes) < bytes.length) return refuse('TEST_ACCESS_USER_MEMORY', { uptr });
  const moved = access.readWrite(
    iovaOf(access, view.getBigUint64(at.iova, true), flags),
    bytes,
    flags & ~BY_AREA,
    addressSpace,
  );
  if (isLeft(moved)) return moved;
  if (!isWrite && addressSpace.copyOut(uptr, bytes) < bytes.length) return refuse('TEST_ACCESS_USER_MEMORY', { uptr });
  return done;
}

/** The test access behind the descriptor in `id`. */
function fileOf({ view, process }: IoctlFrame): IoResult<AccessFile> {
  const fd = view.getUint32(TestCommand.ACCESS_PAGES.offsets.id, true);
  const file = process.fileOf(fd);
  return file instanceof AccessFile ? right(file) : refuse('TEST_ACCESS_FD', { fd });
}

function iovaOf(access: IommufdAccess, iova: bigint, flags: number): bigint {
  return (flags & BY_AREA) === 0 ? iova : (access.ioas?.table.iovaByArea(iova) ?? 0n);
}
