import { isLeft, right } from 'fp-ts/lib/Either.js';
import { userAddr, type UserAddr } from '../bits/index.js';
import { done, type IoResult } from '../errno/index.js';
import type { FailureSource } from './failure-source.js';
import { FRAME_BYTES } from './frame.js';
import { MappedPages, NO_FRAME } from './mapped-pages.js';
import { piece, READABLE, WRITABLE, type Mapping, type Protection } from './mapping.js';
import { MemoryFile } from './memory-file.js';
import type { PageFrames } from './page-frames.js';
import { memoryRefusals } from './refusals.js';
import type { UserAccount } from './user-account.js';

/** What a new mapping shows. Offsets are bytes. */
export type MappingBacking =
  /** Anonymous memory of this address space alone. */
  | { readonly kind: 'private' }
  /** Anonymous memory shared with forked children. */
  | { readonly kind: 'shared' }
  /** Anonymous shared memory in contiguous pages of 2 MiB. */
  | { readonly kind: 'huge2m' }
  /** A file, shared unless `private` asks for copies on write. */
  | { readonly kind: 'file'; readonly file: MemoryFile; readonly offset: bigint; readonly private?: boolean }
  /** Device memory at a frame of the physical address space; cannot be pinned. */
  | { readonly kind: 'pfn'; readonly firstFrame: number };

/** What an address space is made of. */
export interface AddressSpaceOptions {
  readonly pages: PageFrames;
  readonly user: UserAccount;
  readonly failure?: FailureSource | null | undefined;
  /** First address that a program cannot have, bytes; 2^47 - 4096 as on x86-64 unless given. */
  readonly taskSize?: bigint | undefined;
}

const HUGE_BYTES = 0x20_0000n;
const X86_TASK_SIZE = 0x7fff_ffff_f000n;

/**
 * The virtual memory of a process (Linux: `struct mm_struct`): mappings, protection, pins, and the copies that ioctls do. Frames are
 * taken on first touch, so a mapping of many GiB is as cheap as one page.
 */
export class AddressSpace {
  readonly pages: PageFrames;
  readonly user: UserAccount;
  /** Bytes. */
  readonly pageSize: number;
  /** Pages counted against RLIMIT_MEMLOCK of this address space (`locked_vm`). */
  lockedPages = 0;
  /** Pages pinned on behalf of devices (`pinned_vm`), counted but not limited. */
  pinnedPages = 0;
  /** Set by {@link unmapAll}: the process is gone, nobody can reach its memory by address any more. */
  ended = false;
  readonly #failure: FailureSource | null;
  readonly #taskSize: bigint;
  readonly #taskEnd: number;
  readonly #pageBytes: bigint;
  readonly #framesPerPage: number;
  readonly #mapped: MappedPages;

  constructor(options: AddressSpaceOptions) {
    this.pages = options.pages;
    this.user = options.user;
    this.pageSize = options.pages.pageSize;
    this.#failure = options.failure ?? null;
    this.#taskSize = options.taskSize ?? X86_TASK_SIZE;
    this.#taskEnd = Number(this.#taskSize);
    this.#pageBytes = BigInt(this.pageSize);
    this.#framesPerPage = this.pageSize / FRAME_BYTES;
    this.#mapped = new MappedPages(options.pages);
  }

  /**
   * Maps at a fixed address, replacing what was there (MAP_FIXED). The length is rounded up to whole pages.
   *
   * Refusals: MMAP_OFFSET_MISALIGNED, MMAP_EMPTY, MMAP_BEYOND_TASK, MMAP_HUGE_MISALIGNED, MMAP_ADDRESS_MISALIGNED.
   */
  mmap(addr: bigint, bytes: bigint, protection: Protection, backing: MappingBacking): IoResult<UserAddr> {
    const { refuse } = memoryRefusals;
    const offset = backing.kind === 'file' ? backing.offset : 0n;
    if (offset % this.#pageBytes !== 0n) return refuse('MMAP_OFFSET_MISALIGNED', { offset });
    if (bytes === 0n) return refuse('MMAP_EMPTY', { addr });
    const huge = backing.kind === 'huge2m' || (backing.kind === 'file' && backing.file.huge);
    const unit = huge ? HUGE_BYTES : this.#pageBytes;
    const length = ((bytes + unit - 1n) / unit) * unit;
    if (length > this.#taskSize || (!huge && addr > this.#taskSize - length)) {
      return refuse('MMAP_BEYOND_TASK', { addr, bytes, taskSize: this.#taskSize });
    }
    if (huge && addr % HUGE_BYTES !== 0n) return refuse('MMAP_HUGE_MISALIGNED', { addr });
    if (addr > this.#taskSize - length) return refuse('MMAP_BEYOND_TASK', { addr, bytes, taskSize: this.#taskSize });
    if (addr % this.#pageBytes !== 0n) return refuse('MMAP_ADDRESS_MISALIGNED', { addr, pageSize: this.pageSize });
    const removed = this.munmap(addr, length);
    if (isLeft(removed)) return removed;
    const firstPage = Number(addr / this.#pageBytes);
    const lastPage = firstPage + Number(length / this.#pageBytes) - 1;
    const file = this.#fileFor(backing, length);
    file?.hold();
    this.#mapped.mappings.insert({
      firstPage,
      lastPage,
      access: accessBits(protection),
      kind: kindOf(backing),
      file,
      base: backing.kind === 'pfn' ? backing.firstFrame : Number(offset / this.#pageBytes),
    });
    return right(userAddr(addr));
  }

  /**
   * Removes every mapping in the range, also parts of mappings; holes are fine. Pinned pages live on until they are unpinned.
   *
   * Refusals: MUNMAP_RANGE, MUNMAP_HUGE_SPLIT.
   */
  munmap(addr: bigint, bytes: bigint): IoResult<0> {
    const { refuse } = memoryRefusals;
    if (addr % this.#pageBytes !== 0n || bytes === 0n || addr > this.#taskSize || bytes > this.#taskSize - addr) {
      return refuse('MUNMAP_RANGE', { addr, bytes, taskSize: this.#taskSize });
    }
    const first = Number(addr / this.#pageBytes);
    const last = first + Number((bytes + this.#pageBytes - 1n) / this.#pageBytes) - 1;
    const touched = this.#mapped.mappings.overlapping(first, last);
    if (touched.some((mapping) => this.#splitsHuge(mapping, first, last)))
      return refuse('MUNMAP_HUGE_SPLIT', { addr, bytes });
    for (const mapping of touched) {
      const rest = this.#outside(mapping, first, last);
      this.#replace(mapping, rest);
      if (mapping.kind !== 'private') continue;
      const from = Math.max(first, mapping.firstPage);
      this.#mapped.dropPrivate(from, Math.min(last, mapping.lastPage));
    }
    return done;
  }

  /**
   * Changes what the program may do with a range. Pins that exist are not touched.
   *
   * Refusals: MPROTECT_MISALIGNED, MPROTECT_HUGE_SPLIT, MPROTECT_HOLE.
   */
  mprotect(addr: bigint, bytes: bigint, protection: Protection): IoResult<0> {
    const { refuse } = memoryRefusals;
    if (addr % this.#pageBytes !== 0n) return refuse('MPROTECT_MISALIGNED', { addr, pageSize: this.pageSize });
    if (bytes === 0n) return done;
    if (addr + bytes > this.#taskSize) return refuse('MPROTECT_HOLE', { addr, bytes });
    const first = Number(addr / this.#pageBytes);
    const last = first + Number((bytes + this.#pageBytes - 1n) / this.#pageBytes) - 1;
    let next = first;
    for (const mapping of this.#mapped.mappings.overlapping(first, last)) {
      if (mapping.firstPage > next) break;
      if (this.#splitsHuge(mapping, first, last)) return refuse('MPROTECT_HUGE_SPLIT', { addr, bytes });
      const from = Math.max(first, mapping.firstPage);
      const to = Math.min(last, mapping.lastPage);
      const changed = { ...piece(mapping, from, to, this.#framesPerPage), access: accessBits(protection) };
      const pieces = [...this.#outside(mapping, first, last), changed].toSorted((a, b) => a.firstPage - b.firstPage);
      this.#replace(mapping, pieces);
      next = to + 1;
    }
    return next > last ? done : refuse('MPROTECT_HOLE', { addr, bytes, hole: BigInt(next) * this.#pageBytes });
  }

  /**
   * copy_from_user.
   * @param words the same memory as `into`, for a caller that has it: aligned words are then copied as such, in a third of the time
   * @returns bytes copied before the first that the program could not read
   */
  copyIn(addr: bigint, into: Uint8Array, words: Int32Array | null = null): number {
    if (this.#failure !== null && this.#failure.fails('copy-in')) return 0;
    const at = Number(addr);
    return this.#inside(at, into.length) ? this.#mapped.read(at, into, words) : 0;
  }

  /** copy_to_user. @param words as for {@link copyIn} @returns bytes copied before the first that the program could not write */
  copyOut(addr: bigint, from: Uint8Array, words: Int32Array | null = null): number {
    if (this.#failure !== null && this.#failure.fails('copy-out')) return 0;
    const at = Number(addr);
    return this.#inside(at, from.length) ? this.#mapped.write(at, from, WRITABLE, words) : 0;
  }

  /** What the program reads at `addr`: up to `bytes` bytes, fewer where memory ends. */
  peek(addr: bigint, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes);
    const at = Number(addr);
    return into.subarray(0, this.#inside(at, bytes) ? this.#mapped.read(at, into, null) : 0);
  }

  /** Stores bytes as a debugger does, whatever the protection. @returns bytes stored before the first that is not mapped */
  poke(addr: bigint, from: Uint8Array): number {
    const at = Number(addr);
    return this.#inside(at, from.length) ? this.#mapped.write(at, from, 0, null) : 0;
  }

  /**
   * Pins pages for long, as `pin_user_pages(FOLL_LONGTERM)` does: a private page becomes the program's own first, also for reading,
   * so that the program's later writes are seen. Page numbers are virtual address / page size.
   * @param into gets the first frame of each pinned page, from index `at` on
   * @returns pages pinned before the first that cannot be: not mapped, not permitted, device memory, no memory left
   */
  pinPages(firstPage: number, count: number, write: boolean, into: Float64Array, at: number): number {
    if (this.#failure !== null && this.#failure.fails('pin')) return 0;
    const need = write ? WRITABLE : READABLE;
    let pinned = 0;
    while (pinned < count) {
      const mapping = this.#mapped.mappings.find(firstPage + pinned);
      if (mapping === undefined || mapping.kind === 'pfn' || (mapping.access & need) === 0) break;
      const end = Math.min(count, mapping.lastPage - firstPage + 1);
      for (; pinned < end; pinned++) {
        const frame = this.#mapped.ownFrame(mapping, firstPage + pinned);
        if (frame === NO_FRAME) return pinned;
        this.pages.pin(frame);
        into[at + pinned] = frame;
      }
    }
    return pinned;
  }

  /** Undoes one pin of each of `count` pages, given by their frames. */
  unpinPages(frames: Float64Array, from: number, count: number): void {
    for (let at = from; at < from + count; at++) this.pages.unpin(frames[at] as number);
  }

  /** How often the page at a frame is pinned. */
  pinCountOf(frame: number): number {
    return this.pages.pinCountOf(frame);
  }

  /** Whether an address lies in a mapping of huge pages; pins of those are counted for the huge page. */
  isHugeAt(addr: bigint): boolean {
    return this.#mapped.mappings.find(Number(addr / this.#pageBytes))?.file?.huge === true;
  }

  /**
   * First frame of a page that the program may read, or -1: not mapped, not readable, device memory, no memory left. A private page becomes
   * the program's own, as by a pin; nothing is injected, because the kernel's fast look-up of a present page has nothing that could fail.
   */
  frameOfPage(page: number): number {
    const mapping = this.#mapped.mappings.find(page);
    if (mapping === undefined || mapping.kind === 'pfn' || (mapping.access & READABLE) === 0) return NO_FRAME;
    return this.#mapped.ownFrame(mapping, page);
  }

  /**
   * The frame of a page of device memory, or -1 when the page is something else or may not be accessed this way. This is what the
   * classic VFIO container does with BARs instead of a pin.
   */
  deviceFrame(page: number, write: boolean): number {
    const mapping = this.#mapped.mappings.find(page);
    if (mapping?.kind !== 'pfn' || (mapping.access & (write ? WRITABLE : READABLE)) === 0) return NO_FRAME;
    return mapping.base + (page - mapping.firstPage) * this.#framesPerPage;
  }

  /**
   * The address space of a forked child: shared mappings are shared, private pages are copied by whoever writes first, pinned
   * private pages at once, so that the parent keeps what its devices use. Lock counts start at zero.
   *
   * Refusals: FORK_NO_MEMORY.
   */
  fork(): IoResult<AddressSpace> {
    const child = new AddressSpace({
      pages: this.pages,
      user: this.user,
      failure: this.#failure,
      taskSize: this.#taskSize,
    });
    if (this.#mapped.forkInto(child.#mapped)) return right(child);
    child.unmapAll();
    return memoryRefusals.refuse('FORK_NO_MEMORY');
  }

  /** Removes every mapping, as the end of the process does. */
  unmapAll(): void {
    this.ended = true;
    this.munmap(0n, this.#taskSize);
  }

  /** A number is exact here: an address that a double cannot hold is rounded, but stays above every task size. */
  #inside(addr: number, bytes: number): boolean {
    return addr >= 0 && addr + bytes <= this.#taskEnd;
  }

  #fileFor(backing: MappingBacking, length: bigint): MemoryFile | null {
    switch (backing.kind) {
      case 'shared':
        return new MemoryFile(this.pages, length);
      case 'huge2m':
        return new MemoryFile(this.pages, length, { huge: true });
      case 'file':
        return backing.file;
      default:
        return null;
    }
  }

  #splitsHuge(mapping: Mapping, first: number, last: number): boolean {
    if (mapping.file?.huge !== true) return false;
    const { pagesPerHuge } = this.pages;
    return (
      (first > mapping.firstPage && first % pagesPerHuge !== 0) ||
      (last < mapping.lastPage && (last + 1) % pagesPerHuge !== 0)
    );
  }

  #outside(mapping: Mapping, first: number, last: number): Mapping[] {
    const rest: Mapping[] = [];
    if (mapping.firstPage < first) rest.push(piece(mapping, mapping.firstPage, first - 1, this.#framesPerPage));
    if (mapping.lastPage > last) rest.push(piece(mapping, last + 1, mapping.lastPage, this.#framesPerPage));
    return rest;
  }

  #replace(mapping: Mapping, pieces: readonly Mapping[]): void {
    for (const part of pieces) part.file?.hold();
    this.#mapped.mappings.replace(mapping, pieces);
    mapping.file?.drop();
  }
}

function accessBits(protection: Protection): number {
  return (protection.includes('r') ? READABLE : 0) | (protection.includes('w') ? WRITABLE : 0);
}

function kindOf(backing: MappingBacking): Mapping['kind'] {
  if (backing.kind === 'private' || backing.kind === 'pfn') return backing.kind;
  return backing.kind === 'file' && backing.private === true ? 'private' : 'shared';
}
