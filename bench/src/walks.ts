import { Access, type RadixWalker, type TableRoot } from '@ioasis/core';

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

/** The same at any distance. */
export function walkWide(job: Walks): bigint {
  const count = job.order.length;
  const { shift } = job;
  const high = 32 - shift;
  let hi = 0;
  let lo = 0;
  for (let i = 0; i < count; i++) {
    const page = job.order[i] as number;
    if (!job.walker.walk(job.root, IOVA_HI + (page >>> high), page << shift, READ)) throw new Error('walk stopped');
    hi = (hi + job.walker.paHi) | 0;
    lo += job.walker.paLo >>> 0;
  }
  return (BigInt(hi) << 32n) + BigInt(lo);
}
