import { FRAME_BYTES, FRAME_SHIFT, frameHi, frameLo } from './frame.js';
import { MappingList, type Mapping } from './mapping.js';
import type { MemoryFile } from './memory-file.js';
import type { PageFrames } from './page-frames.js';
import { PageMap } from './page-map.js';

/** No frame: nothing there, or no memory left. */
export const NO_FRAME = -1;
/** Reading a private page that nobody wrote yet. */
const ZERO_PAGE = -2;
/** Byte in a frame. */
const FRAME_MASK = FRAME_BYTES - 1;

/**
 * What the pages of an address space hold: finds the frame behind a page, makes it on touch, separates private pages that fork or a
 * file shared, and copies bytes. Addresses are numbers: programs' addresses are below 2^53.
 */
export class MappedPages {
  readonly mappings: MappingList = new MappingList();
  readonly #pages: PageFrames;
  readonly #pageSize: number;
  readonly #framesPerPage: number;
  /** Frames of private pages, by page number. */
  readonly #private = new PageMap();

  constructor(pages: PageFrames) {
    this.#pages = pages;
    this.#pageSize = pages.pageSize;
    this.#framesPerPage = pages.pageSize / FRAME_BYTES;
  }

  /** Gives up the private pages `[first, last]`. */
  dropPrivate(first: number, last: number): void {
    this.#private.takeRange(first, last, (frame) => this.#pages.release(frame));
  }

  /**
   * Gives a forked child the mappings and private pages: shared until one side writes, but a copy at once of what is pinned.
   * @returns false when memory ended before all was copied
   */
  forkInto(child: MappedPages): boolean {
    for (const mapping of this.mappings) {
      mapping.file?.hold();
      child.mappings.insert(mapping);
    }
    let complete = true;
    this.#private.forEach((page, frame) => {
      const pinned = this.#pages.pinCountOf(frame) > 0;
      const theirs = pinned ? this.#pages.duplicate(frame) : frame;
      if (!pinned) this.#pages.share(frame);
      if (theirs === NO_FRAME) complete = false;
      else child.#private.set(page, theirs);
    });
    return complete;
  }

  /**
   * Copies bytes of mappings with any permission to `into`.
   * @param words the same memory as `into`, see `PhysicalMemory.readBytes`
   * @returns bytes copied before the first that has none
   */
  read(address: number, into: Uint8Array, words: Int32Array | null): number {
    let at = address;
    let copied = 0;
    while (copied < into.length) {
      const page = Math.floor(at / this.#pageSize);
      const mapping = this.mappings.find(page);
      if (mapping === undefined || mapping.access === 0) break;
      const frame = this.#visibleFrame(mapping, page);
      if (frame === NO_FRAME) break;
      const inPage = (at - page * this.#pageSize) | 0;
      const length = Math.min(FRAME_BYTES - (inPage & FRAME_MASK), into.length - copied);
      if (frame === ZERO_PAGE) into.fill(0, copied, copied + length);
      else if (!this.#readFrame(frame, inPage, into, copied, length, words)) into.fill(0xff, copied, copied + length);
      copied += length;
      at += length;
    }
    return copied;
  }

  /** Copies bytes to mappings that have all permissions of `need`. @returns bytes copied before the first without */
  write(address: number, from: Uint8Array, need: number, words: Int32Array | null): number {
    let at = address;
    let copied = 0;
    while (copied < from.length) {
      const page = Math.floor(at / this.#pageSize);
      const mapping = this.mappings.find(page);
      if (mapping === undefined || (mapping.access & need) !== need) break;
      const frame = this.ownFrame(mapping, page);
      if (frame === NO_FRAME) break;
      const inPage = (at - page * this.#pageSize) | 0;
      const inFrame = inPage & FRAME_MASK;
      const length = Math.min(FRAME_BYTES - inFrame, from.length - copied);
      const target = frame + (inPage >> FRAME_SHIFT);
      this.#pages.memory.writeBytes(frameHi(target), frameLo(target) | inFrame, from, copied, length, words);
      copied += length;
      at += length;
    }
    return copied;
  }

  #readFrame(
    frame: number,
    inPage: number,
    into: Uint8Array,
    offset: number,
    length: number,
    words: Int32Array | null,
  ): boolean {
    const inFrame = inPage & FRAME_MASK;
    const source = frame + (inPage >> FRAME_SHIFT);
    return this.#pages.memory.readBytes(frameHi(source), frameLo(source) | inFrame, into, offset, length, words);
  }

  /** The frame that a read of the page sees, {@link ZERO_PAGE} or {@link NO_FRAME}. */
  #visibleFrame(mapping: Mapping, page: number): number {
    const offset = page - mapping.firstPage;
    if (mapping.kind === 'pfn') return mapping.base + offset * this.#framesPerPage;
    if (mapping.kind === 'private') {
      const own = this.#private.get(page);
      if (own !== NO_FRAME) return own;
      if (mapping.file === null) return ZERO_PAGE;
    }
    return (mapping.file as MemoryFile).frameOf(mapping.base + offset);
  }

  /** The frame to write or pin: shared ones as they are, private ones after they became this address space's own. */
  ownFrame(mapping: Mapping, page: number): number {
    if (mapping.kind !== 'private') return this.#visibleFrame(mapping, page);
    const present = this.#private.get(page);
    if (present !== NO_FRAME && this.#pages.ownersOf(present) === 1) return present;
    const source = present !== NO_FRAME ? present : this.#visibleFrame(mapping, page);
    if (source === NO_FRAME) return NO_FRAME;
    const own = source === ZERO_PAGE ? this.#pages.allocate() : this.#pages.duplicate(source);
    if (own === NO_FRAME) return NO_FRAME;
    this.#private.set(page, own);
    if (present !== NO_FRAME) this.#pages.release(present);
    return own;
  }
}
