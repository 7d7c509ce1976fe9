import {
  Access,
  IotlbGather,
  RadixTable,
  RadixWalker,
  TableRoot,
  type FrameAllocator,
  type PhysicalMemory,
} from '@ioasis/core';
import { inChunks } from './chunks.js';
import { ownTime, wallTime } from './clock.js';
import type { Orders } from './orders.js';
import type { Figures, Sums } from './rounds.js';
import type { Subject } from './subjects.js';
import { walkNear, walkWide, Walks } from './walks.js';

/* The workloads of native/radix.c on our engine: same addresses, same order, same check sums where pages have 4 KiB. */

export const PAGES = 65536;
/* Not exported: V8 loads and checks an exported constant at each use, even in its own module. */
const LAST_PAGE = 65535;
const IOVA_HI = 1;
const PA_HI = 16;
/* Constants of this module: V8 loads and checks an imported one at each use. */
const READ = Access.READ;
const READ_WRITE = Access.READ | Access.WRITE;
const ASCENDING = Int32Array.from({ length: PAGES }, (_, page) => page);

/** Runs every table workload once on one subject. */
export class EngineRun {
  readonly sums: Sums = {};
  readonly figures: Figures = {};
  readonly #subject: Subject;
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #orders: Orders;
  readonly #gather: IotlbGather = new IotlbGather();
  readonly #walker: RadixWalker;

  constructor(subject: Subject, memory: PhysicalMemory, frames: FrameAllocator, orders: Orders) {
    this.#subject = subject;
    this.#memory = memory;
    this.#frames = frames;
    this.#orders = orders;
    this.#walker = new RadixWalker({ memory, format: subject.format });
  }

  run(): void {
    this.#pages();
    this.#blocks();
  }

  #table(): { readonly table: RadixTable; readonly root: TableRoot } {
    const { format, inputBits, levels, leafBits, tableBits } = this.#subject;
    const [memory, frames] = [this.#memory, this.#frames];
    const table = new RadixTable({ memory, frames, format, inputBits, levels, leafBits, tableBits });
    return { table, root: new TableRoot(format, { hi: table.rootHi, lo: table.rootLo, levels, inputBits }) };
  }

  #pages(): void {
    const { table, root } = this.#table();
    const [gather, walker] = [this.#gather, this.#walker];
    const shift = this.#subject.format.granuleShift;
    const walk = shift === 12 ? walkNear : walkWide;
    this.#time('map4k_bulk', () => expect0(table.mapPages(IOVA_HI, 0, PA_HI, 0, shift, PAGES, READ_WRITE, gather)));
    this.#time('walk_seq', () => this.#sum('walk_seq', walk(new Walks(walker, root, ASCENDING, shift))));
    this.#time('unmap4k_bulk', () => {
      unmapAll(table, PAGES, shift, gather);
      table.releaseGathered(gather);
    });
    this.#time('map4k_one', () => mapOneByOne(table, shift, gather));
    this.#time('walk_rand', () => this.#sum('walk_rand', walk(new Walks(walker, root, this.#orders.pages, shift))));
    setDirty(table, this.#memory, walker, root);
    this.#time('dirty', () => readDirty(table));
    this.#time('unmap4k_one', () => unmapOneByOne(table, shift, gather));
    // The emptied tables.
    table.unmapPages(0, 0, 30, 2 ** 17, gather);
    table.releaseGathered(gather);
    table.free();
  }

  #blocks(): void {
    const { table, root } = this.#table();
    const gather = this.#gather;
    const { format } = this.#subject;
    const shift = format.levels[1]?.shift ?? 0;
    this.#time('map2m_bulk', () => expect0(table.mapPages(IOVA_HI, 0, PA_HI, 0, shift, PAGES, READ_WRITE, gather)));
    // radix.c walks to the beginning of every sixteenth of a block.
    const walks = new Walks(this.#walker, root, this.#orders.pages, shift - 4);
    this.#time('walk_2m_rand', () => this.#sum('walk_2m_rand', walkWide(walks)));
    this.#time('unmap2m_bulk', () => {
      unmapAll(table, PAGES, shift, gather);
      table.releaseGathered(gather);
    });
    table.free();
  }

  #time(name: string, body: () => void): void {
    this.figures[name] = (name === 'dirty' ? ownTime(body) : wallTime(body)) / PAGES;
  }

  #sum(name: string, sum: bigint): void {
    if (this.#subject.format.granuleShift === 12) this.sums[name] = BigInt.asUintN(64, sum).toString(16);
  }
}

function expect0(errno: number): void {
  if (errno !== 0) throw new Error(`map answered ${errno}`);
}

function unmapAll(table: RadixTable, count: number, shift: number, gather: IotlbGather): void {
  const bytes = table.unmapPages(IOVA_HI, 0, shift, count, gather);
  if (bytes !== count * 2 ** shift) throw new Error(`unmap took ${bytes} bytes`);
}

function mapOneByOne(table: RadixTable, shift: number, gather: IotlbGather): void {
  const chunk = shift === 12 ? mapChunk : mapWideChunk;
  expect0(inChunks(PAGES, (from, to) => chunk(table, gather, from, to)));
}

function mapChunk(table: RadixTable, gather: IotlbGather, from: number, to: number): number {
  let bad = 0;
  for (let i = from; i < to; i++) {
    const page = Math.imul(i, 0x9e37_79b1) & LAST_PAGE;
    bad |= table.mapPages(IOVA_HI, i << 12, PA_HI, page << 12, 12, 1, READ_WRITE, gather);
  }
  return bad;
}

/* Pages of 64 KiB: 4 GiB of them. */
function mapWideChunk(table: RadixTable, gather: IotlbGather, from: number, to: number): number {
  let bad = 0;
  for (let i = from; i < to; i++) {
    const page = Math.imul(i, 0x9e37_79b1) & LAST_PAGE;
    bad |= table.mapPages(IOVA_HI, i << 16, PA_HI, page << 16, 16, 1, READ_WRITE, gather);
  }
  return bad;
}

function unmapOneByOne(table: RadixTable, shift: number, gather: IotlbGather): void {
  const chunk = shift === 12 ? unmapChunk : unmapWideChunk;
  const bytes = inChunks(PAGES, (from, to) => chunk(table, gather, from, to));
  if (bytes !== PAGES * 2 ** shift) throw new Error(`unmap took ${bytes} bytes`);
}

function unmapChunk(table: RadixTable, gather: IotlbGather, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += table.unmapPages(IOVA_HI, i << 12, 12, 1, gather);
  return bytes;
}

function unmapWideChunk(table: RadixTable, gather: IotlbGather, from: number, to: number): number {
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += table.unmapPages(IOVA_HI, i << 16, 16, 1, gather);
  return bytes;
}

/** Makes every leaf dirty, as a device's writes do. */
function setDirty(table: RadixTable, memory: PhysicalMemory, walker: RadixWalker, root: TableRoot): void {
  const { dirty, granuleShift } = table.format;
  if (dirty === null) throw new Error(`${table.format.name} has no dirty state`);
  const word = (value: bigint): number => Number(BigInt.asIntN(32, value));
  const [hi, lo] = [word(dirty.mask >> 32n), word(dirty.mask)];
  const [dirtyHi, dirtyLo] = [word(dirty.dirty >> 32n), word(dirty.dirty)];
  walker.isWatched = true;
  for (let i = 0; i < PAGES; i++) {
    walker.walk(root, IOVA_HI + (i >>> (32 - granuleShift)), i << granuleShift, READ);
    const { entryAddressHi, entryAddressLo, entryHi, entryLo } = walker;
    memory.store64(entryAddressHi, entryAddressLo, (entryHi & ~hi) | dirtyHi, (entryLo & ~lo) | dirtyLo);
  }
  walker.isWatched = false;
}

function readDirty(table: RadixTable): void {
  const all = PAGES * 2 ** table.format.granuleShift;
  let bytes = 0;
  table.readAndClearDirty(IOVA_HI, 0, all, 0, { mark: (_hi, _lo, length) => void (bytes += length) });
  if (bytes !== all) throw new Error(`${bytes} bytes are dirty`);
}
