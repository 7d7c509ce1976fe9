import { Access, IotlbGather, RadixTable, RadixWalker, TableRoot, type PhysicalMemory } from '@ioasis/core';
import type { FrameAllocator } from '@ioasis/core';
import type { Subject } from './subjects.js';

/* The workloads of native/radix.c, on our engine: same addresses, same order, same check sums. */

const PAGES = 65536;
const BLOCKS = 65536;
const UNUSED_DRAWS = 1 << 20;
const IOVA_HI = 1;
const PA_HI = 16;
/* Constants of this module: V8 loads and checks an imported one at each use. */
const READ = Access.READ;
const READ_WRITE = Access.READ | Access.WRITE;
const ASCENDING = Int32Array.from({ length: PAGES }, (_, page) => page);

/** Orders of pages from the xorshift32 sequence that radix.c draws. */
export interface Orders {
  readonly pages: Int32Array;
  readonly hot: Int32Array;
}

export function drawOrders(): Orders {
  let state = 12345;
  const draw = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
  const pages = Int32Array.from({ length: PAGES }, () => draw() & (PAGES - 1));
  // radix.c draws another order here, which is not walked.
  for (let i = 0; i < UNUSED_DRAWS; i++) draw();
  return { pages, hot: Int32Array.from({ length: PAGES }, () => draw() & 2047) };
}

/** ns per operation, by radix.c's names. */
export type Figures = Record<string, number>;
/** Check sums in hex, by radix.c's names. */
export type Sums = Record<string, string>;

/** Runs every workload once on one subject. */
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
    const { format, inputBits, levels, leafBits, tableBits } = this.#subject;
    const table = new RadixTable({
      memory: this.#memory,
      frames: this.#frames,
      format,
      inputBits,
      levels,
      leafBits,
      tableBits,
    });
    const root = new TableRoot(format, { hi: table.rootHi, lo: table.rootLo, levels, inputBits });
    const gather = this.#gather;

    this.#time('map4k_bulk', PAGES, () => expect0(table.mapPages(IOVA_HI, 0, PA_HI, 0, 12, PAGES, READ_WRITE, gather)));
    this.#time('walk_seq', PAGES, () => this.#sum('walk_seq', walkPages(new Walks(this.#walker, root, ASCENDING))));
    this.#time('unmap4k_bulk', PAGES, () => {
      unmapAll(table, PAGES, 12, gather);
      table.releaseGathered(gather);
    });

    this.#time('map4k_one', PAGES, () => mapOneByOne(table, gather));
    this.#time('walk_rand', PAGES, () =>
      this.#sum('walk_rand', walkPages(new Walks(this.#walker, root, this.#orders.pages))),
    );
    setDirty(table, this.#memory, this.#walker, root);
    this.#time('dirty', PAGES, () => readDirty(table));
    this.#time('unmap4k_one', PAGES, () => unmapOneByOne(table, gather));
    table.unmapPages(0, 0, 30, 2 ** 17, gather);
    table.releaseGathered(gather);
    table.free();

    const blocks = new RadixTable({
      memory: this.#memory,
      frames: this.#frames,
      format,
      inputBits,
      levels,
      leafBits,
      tableBits,
    });
    const blockRoot = new TableRoot(format, { hi: blocks.rootHi, lo: blocks.rootLo, levels, inputBits });
    this.#time('map2m_bulk', BLOCKS, () =>
      expect0(blocks.mapPages(IOVA_HI, 0, PA_HI, 0, 21, BLOCKS, READ_WRITE, gather)),
    );
    this.#time('walk_2m_rand', PAGES, () =>
      this.#sum('walk_2m_rand', walkBlocks(new Walks(this.#walker, blockRoot, this.#orders.pages))),
    );
    this.#time('unmap2m_bulk', BLOCKS, () => {
      unmapAll(blocks, BLOCKS, 21, gather);
      blocks.releaseGathered(gather);
    });
    blocks.free();
  }

  #time(name: string, operations: number, body: () => void): void {
    const start = process.hrtime.bigint();
    body();
    this.figures[name] = Number(process.hrtime.bigint() - start) / operations;
  }

  #sum(name: string, sum: bigint): void {
    this.sums[name] = BigInt.asUintN(64, sum).toString(16);
  }
}

function expect0(errno: number): void {
  if (errno !== 0) throw new Error(`map answered ${errno}`);
}

function unmapAll(table: RadixTable, count: number, shift: number, gather: IotlbGather): void {
  const bytes = table.unmapPages(IOVA_HI, 0, shift, count, gather);
  if (bytes !== count * 2 ** shift) throw new Error(`unmap took ${bytes} bytes`);
}

function mapOneByOne(table: RadixTable, gather: IotlbGather): void {
  let bad = 0;
  for (let i = 0; i < PAGES; i++) {
    const page = Math.imul(i, 0x9e37_79b1) & (PAGES - 1);
    bad |= table.mapPages(IOVA_HI, i << 12, PA_HI, page << 12, 12, 1, READ_WRITE, gather);
  }
  expect0(bad);
}

function unmapOneByOne(table: RadixTable, gather: IotlbGather): void {
  let bytes = 0;
  for (let i = 0; i < PAGES; i++) bytes += table.unmapPages(IOVA_HI, i << 12, 12, 1, gather);
  if (bytes !== PAGES * 4096) throw new Error(`unmap took ${bytes} bytes`);
}

/** Fields without an initializer are `declare`d: V8 then knows their classes and does not ask at each turn, as in a unit. */
class Walks {
  declare readonly walker: RadixWalker;
  declare readonly root: TableRoot;
  declare readonly order: Int32Array;

  constructor(walker: RadixWalker, root: TableRoot, order: Int32Array) {
    this.walker = walker;
    this.root = root;
    this.order = order;
  }
}

/** Walks to pages of 4 KiB above the first IOVA. @returns sum of the addresses */
function walkPages(job: Walks): bigint {
  const count = job.order.length;
  let hi = 0;
  let frames = 0;
  for (let i = 0; i < count; i++) {
    if (!job.walker.walk(job.root, IOVA_HI, (job.order[i] as number) << 12, READ)) throw new Error('walk stopped');
    hi = (hi + job.walker.paHi) | 0;
    frames = (frames + (job.walker.paLo >>> 12)) | 0;
  }
  return (BigInt(hi) << 32n) + (BigInt(frames >>> 0) << 12n);
}

/** Walks to addresses 128 KiB apart above the first IOVA. @returns sum of the addresses */
function walkBlocks(job: Walks): bigint {
  const count = job.order.length;
  let hi = 0;
  let lo = 0;
  for (let i = 0; i < count; i++) {
    const page = job.order[i] as number;
    if (!job.walker.walk(job.root, IOVA_HI + (page >>> 15), page << 17, READ)) throw new Error('walk stopped');
    hi = (hi + job.walker.paHi) | 0;
    lo += job.walker.paLo >>> 0;
  }
  return (BigInt(hi) << 32n) + BigInt(lo);
}

/** Makes every leaf dirty, as a device's writes do. */
function setDirty(table: RadixTable, memory: PhysicalMemory, walker: RadixWalker, root: TableRoot): void {
  const { dirty } = table.format;
  if (dirty === null) throw new Error(`${table.format.name} has no dirty state`);
  const hi = Number(BigInt.asIntN(32, dirty.mask >> 32n));
  const lo = Number(BigInt.asIntN(32, dirty.mask));
  const dirtyHi = Number(BigInt.asIntN(32, dirty.dirty >> 32n));
  const dirtyLo = Number(BigInt.asIntN(32, dirty.dirty));
  walker.isWatched = true;
  for (let i = 0; i < PAGES; i++) {
    walker.walk(root, IOVA_HI, i << 12, Access.READ);
    const { entryAddressHi, entryAddressLo, entryHi, entryLo } = walker;
    memory.store64(entryAddressHi, entryAddressLo, (entryHi & ~hi) | dirtyHi, (entryLo & ~lo) | dirtyLo);
  }
  walker.isWatched = false;
}

function readDirty(table: RadixTable): void {
  let bytes = 0;
  table.readAndClearDirty(IOVA_HI, 0, PAGES * 4096, 0, { mark: (_hi, _lo, length) => void (bytes += length) });
  if (bytes !== PAGES * 4096) throw new Error(`${bytes} bytes are dirty`);
}
