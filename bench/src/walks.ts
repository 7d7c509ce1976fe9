import { Access, type RadixWalker, type TableRoot } from '@ioasis/core';
import { inChunks } from './chunks.js';

const READ = Access.READ;
const IOVA_HI = 1;

/** Walks to `order[i] << shift` above 4 GiB. Fields are `declare`d: V8 then knows their classes and does not ask at each turn, as in a unit. */
export class Walks {
  declare readonly walker: RadixWalker;
  declare readonly root: TableRoot;
  declare readonly order: Int32Array;
  declare readonly shift: number;

  constructor(walker: RadixWalker, root: TableRoot, order: Int32Array, shift: number) {
    this.walker = walker;
    this.root = root;
    this.order = order;
    this.shift = shift;
  }
}

/** All walks of pages of 4 KiB, which end below 8 GiB. @returns sum of the addresses */
export function walkNear(job: Walks): bigint {
  const frames = inChunks(job.order.length, (from, to) => nearChunk(job, from, to));
  return BigInt(frames) << 12n;
}

function nearChunk(job: Walks, from: number, to: number): number {
  let hi = 0;
  let frames = 0;
  for (let i = from; i < to; i++) {
    if (!job.walker.walk(job.root, IOVA_HI, (job.order[i] as number) << 12, READ)) return Number.NaN;
    hi = (hi + job.walker.paHi) | 0;
    frames = (frames + (job.walker.paLo >>> 12)) | 0;
  }
  return hi * 0x10_0000 + (frames >>> 0);
}

/** The same at any distance. */
export function walkWide(job: Walks): bigint {
  const frames = inChunks(job.order.length, (from, to) => wideChunk(job, from, to));
  return BigInt(frames) << 12n;
}

function wideChunk(job: Walks, from: number, to: number): number {
  const { shift } = job;
  const high = 32 - shift;
  let hi = 0;
  let frames = 0;
  for (let i = from; i < to; i++) {
    const page = job.order[i] as number;
    if (!job.walker.walk(job.root, IOVA_HI + (page >>> high), page << shift, READ)) return Number.NaN;
    hi = (hi + job.walker.paHi) | 0;
    frames = (frames + (job.walker.paLo >>> 12)) | 0;
  }
  return hi * 0x10_0000 + (frames >>> 0);
}
