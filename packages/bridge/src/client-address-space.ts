import {
  AddressSpace,
  FRAME_BYTES,
  frameAddress,
  userAddr,
  type AddressSpaceOptions,
  type FailureSource,
  type FrameBacking,
  type IoResult,
  type MappingBacking,
  type Protection,
  type UserAddr,
} from '@ioasis/core';
import { right } from 'fp-ts/lib/Either.js';
import type { ClientMemory } from './client-memory.js';
import type { PageHolder, SharedPage, SharedPages } from './shared-pages.js';
import { ShownPages } from './shown-pages.js';

const NO_FRAME = -1;
/** Names of mappings of huge pages in /proc/PID/maps. */
const HUGE = /^\/(anon_hugepage|dev\/hugepages)/;
/** The page of a frame that lost its mapping. */
const DETACHED = -1;

/**
 * The virtual memory of a running program. Copies go to the program's memory in place; a page that is pinned gets a frame which that
 * memory backs, so DMA reaches the program's own bytes.
 *
 * A page that the program unmaps while it is pinned lives on where another process, or another mapping, shows the same shared memory; private memory
 * lives on as a copy of what it held, if the program says so beforehand ({@link detach}). Otherwise its frame shows whatever the address shows.
 */
export class ClientAddressSpace extends AddressSpace implements PageHolder {
  readonly #memory: ClientMemory;
  readonly #failure: FailureSource | null;
  readonly #frameOfPage = new Map<number, number>();
  readonly #pageOfFrame = new Map<number, number>();
  /** Pinned pages of memory that other processes may map too. */
  readonly #sharedOf = new Map<number, SharedPage>();
  readonly #shared: SharedPages;
  readonly #shown: ShownPages | null;

  /** @param isRecorded whether {@link mmap} is to be called for memory that a call reaches, so that a recording has it */
  constructor(options: AddressSpaceOptions, memory: ClientMemory, shared: SharedPages, isRecorded: boolean) {
    super(options);
    this.#shared = shared;
    shared.add(this);
    this.#shown = isRecorded
      ? new ShownPages(
          memory,
          this.pageSize,
          (addr, bytes, protection) => void this.mmap(addr, bytes, protection, { kind: 'private' }),
        )
      : null;
    this.#memory = memory;
    this.#failure = options.failure ?? null;
  }

  /** Whether a device can reach pages of the program. */
  get hasPins(): boolean {
    return this.#frameOfPage.size > 0 || this.#shared.isShowing(this);
  }

  /** Bytes from an address on that the program can access, by what is mapped now. */
  #reach(addr: bigint, bytes: number, write: boolean): number {
    if (addr < 0n || addr >> 63n !== 0n) return 0;
    const reached = this.#memory.permitted(Number(addr), bytes, write);
    if (reached > 0) this.#shown?.reach(Number(addr), reached);
    return reached;
  }

  override copyIn(addr: bigint, into: Uint8Array): number {
    if (this.#failure?.fails('copy-in') === true) return 0;
    return this.#memory.read(Number(addr), into.subarray(0, this.#reach(addr, into.length, false)));
  }

  override copyOut(addr: bigint, from: Uint8Array): number {
    if (this.#failure?.fails('copy-out') === true) return 0;
    return this.#memory.write(Number(addr), from.subarray(0, this.#reach(addr, from.length, true)));
  }

  override peek(addr: bigint, bytes: number): Uint8Array {
    const into = new Uint8Array(this.#reach(addr, bytes, false));
    return into.subarray(0, this.#memory.read(Number(addr), into));
  }

  override poke(addr: bigint, from: Uint8Array): number {
    return this.#memory.write(Number(addr), from);
  }

  override pinPages(firstPage: number, count: number, write: boolean, into: Float64Array, at: number): number {
    if (this.#failure?.fails('pin') === true) return 0;
    const reach = this.#reach(BigInt(firstPage) * BigInt(this.pageSize), count * this.pageSize, write);
    const reachable = Math.floor(reach / this.pageSize);
    for (let pinned = 0; pinned < reachable; pinned++) {
      const frame = this.#frameOf(firstPage + pinned);
      if (frame === NO_FRAME) return pinned;
      this.pages.pin(frame);
      into[at + pinned] = frame;
    }
    return reachable;
  }

  override unpinPages(frames: Float64Array, from: number, count: number): void {
    for (let at = from; at < from + count; at++) {
      const frame = frames[at] as number;
      this.pages.unpin(frame);
      if (this.pages.pinCountOf(frame) === 0) this.#drop(frame);
    }
  }

  /** Without a pin a page of the program has a frame for this look alone. */
  override frameOfPage(page: number): number {
    if (this.#reach(BigInt(page) * BigInt(this.pageSize), this.pageSize, false) < this.pageSize) return NO_FRAME;
    const frame = this.#frameOf(page);
    if (frame !== NO_FRAME && this.pages.pinCountOf(frame) === 0) this.#drop(frame);
    return frame;
  }

  /** The program has its memory already; there is nothing to do. */
  override mmap(addr: bigint, _bytes: bigint, _protection: Protection, _backing: MappingBacking): IoResult<UserAddr> {
    return right(userAddr(addr));
  }

  override isHugeAt(addr: bigint): boolean {
    return HUGE.test(this.#memory.areaAt(Number(addr))?.name ?? '');
  }

  override deviceFrame(): number {
    return NO_FRAME;
  }

  /** The program is about to change what is mapped in `[addr, addr + bytes)`: pinned pages there stay what they are. */
  detach(addr: bigint, bytes: bigint): void {
    const first = Number(addr) / this.pageSize;
    const last = Math.ceil(Number(addr + bytes) / this.pageSize) - 1;
    this.#shared.withdraw(this, first, last);
    if (last - first < this.#frameOfPage.size) {
      for (let page = first; page <= last; page++) this.#detachPage(page, first, last);
    } else {
      for (const page of this.#frameOfPage.keys()) {
        if (page >= first && page <= last) this.#detachPage(page, first, last);
      }
    }
  }

  /** The program has moved what was mapped in `[addr, addr + bytes)` to `to`: frames follow. */
  move(addr: bigint, bytes: bigint, to: bigint): void {
    const first = Number(addr) / this.pageSize;
    const last = Math.ceil(Number(addr + bytes) / this.pageSize) - 1;
    const distance = Number(to - addr) / this.pageSize;
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(distance)) return;
    const moved = [...this.#frameOfPage].filter(([page]) => page >= first && page <= last);
    const shared = moved.map(([page]) => this.#sharedOf.get(page));
    for (const [page, frame] of moved) this.#forget(frame, page);
    // Frames of a mapping that went unseen before may still be said to be there.
    this.detach(to, bytes);
    this.#shared.move(this, first, last, distance);
    moved.forEach(([page, frame], at) => {
      this.show(frame, page + distance);
      this.#keep(frame, page + distance, shared[at]);
    });
  }

  pageShowing({ file, offset }: SharedPage, first: number, last: number): number | undefined {
    const address = this.#memory.addressOf(file, offset, first * this.pageSize, (last + 1) * this.pageSize);
    return address === undefined ? undefined : address / this.pageSize;
  }

  show(frame: number, page: number): void {
    for (let part = 0; part < this.#framesPerPage; part++) {
      this.pages.memory.backFrame(frame + part, this.#backing(page * this.pageSize + part * FRAME_BYTES));
    }
  }

  keepCopy(frame: number, page: number): void {
    const held = new Uint8Array(this.pageSize);
    this.#memory.read(page * this.pageSize, held);
    this.#unbackParts(frame);
    this.pages.memory.write(frameAddress(frame), held);
  }

  override unmapAll(): void {
    this.#shared.remove(this);
    for (const page of this.#frameOfPage.keys()) this.#detachPage(page, 0, Number.MAX_SAFE_INTEGER);
    super.unmapAll();
  }

  /** The frame of a page, made if it is not pinned yet. */
  #frameOf(page: number): number {
    const present = this.#frameOfPage.get(page);
    if (present !== undefined) return present;
    const frame = this.pages.allocate();
    if (frame === NO_FRAME) return NO_FRAME;
    this.show(frame, page);
    this.#keep(frame, page, this.#sharedAt(page));
    return frame;
  }

  #sharedAt(page: number): SharedPage | undefined {
    const area = this.#memory.areaAt(page * this.pageSize);
    if (area === undefined || area.file === '') return undefined;
    return { file: area.file, offset: area.offset + page * this.pageSize - area.start };
  }

  #keep(frame: number, page: number, shared: SharedPage | undefined): void {
    this.#frameOfPage.set(page, frame);
    this.#pageOfFrame.set(frame, page);
    if (shared !== undefined) this.#sharedOf.set(page, shared);
  }

  get #framesPerPage(): number {
    return this.pageSize / FRAME_BYTES;
  }

  #backing(address: number): FrameBacking {
    return {
      read: (offset, into) => void into.fill(0, this.#memory.read(address + offset, into)),
      write: (offset, from) => void this.#memory.write(address + offset, from),
    };
  }

  /** The mapping of a page goes, as those of pages `[first, last]` do. */
  #detachPage(page: number, first: number, last: number): void {
    const frame = this.#frameOfPage.get(page);
    if (frame === undefined) return;
    const shared = this.#sharedOf.get(page);
    if (shared === undefined || !this.#shared.moveOn(frame, shared, this, first, last)) this.keepCopy(frame, page);
    this.#forget(frame, page);
  }

  /** The last pin of a frame is gone. */
  #drop(frame: number): void {
    this.#unback(frame);
    this.#pageOfFrame.delete(frame);
    this.pages.release(frame);
  }

  #unback(frame: number): void {
    const page = this.#pageOfFrame.get(frame);
    const isBacked = this.#shared.release(frame) || page !== DETACHED;
    if (isBacked) this.#unbackParts(frame);
    if (page !== undefined && page !== DETACHED) this.#forget(frame, page);
  }

  #forget(frame: number, page: number): void {
    this.#frameOfPage.delete(page);
    this.#sharedOf.delete(page);
    this.#pageOfFrame.set(frame, DETACHED);
  }

  #unbackParts(frame: number): void {
    for (let part = 0; part < this.#framesPerPage; part++) this.pages.memory.unbackFrame(frame + part);
  }
}
