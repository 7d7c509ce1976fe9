import {
  Access,
  IotlbGather,
  NO_PASID,
  RadixTable,
  write64,
  type FrameAllocator,
  type PhysicalMemory,
} from '@ioasis/core';
import { VtdUnit } from '@ioasis/hw-intel-vtd';
import type { Subject } from './subjects.js';
import type { Orders } from './workloads.js';

/* Constants of this module: V8 loads and checks an imported one at each use. */
const WITHOUT_PASID = NO_PASID;
const READ = Access.READ;
const REQUESTER = 0x0010;
const DOMAIN = 7;
const RTADDR = 0x20;
const GCMD = 0x18;
const SRTP = 0x4000_0000;
const TE = 0x8000_0000 | 0;
/** AW of a context entry: 48 bits, four levels. */
const AW_48 = 2;
const PAGES = 65536;

/** A VT-d unit with one device and 256 MiB mapped: the tables of radix.c behind a root and a context entry. */
export class VtdFacade {
  readonly unit: VtdUnit;

  constructor(subject: Subject, memory: PhysicalMemory, frames: FrameAllocator) {
    const { format, inputBits, levels, leafBits, tableBits } = subject;
    const table = new RadixTable({ memory, frames, format, inputBits, levels, leafBits, tableBits });
    const gather = new IotlbGather();
    for (let i = 0; i < PAGES; i++) {
      const page = Math.imul(i, 0x9e37_79b1) & (PAGES - 1);
      table.mapPages(1, i << 12, 16, page << 12, 12, 1, 3, gather);
    }
    const [root, context] = [frames.allocate(0), frames.allocate(0)];
    memory.store64(0, root * 4096, 0, (context * 4096) | 1);
    const entry = context * 4096 + REQUESTER * 16;
    memory.store64(0, entry, table.rootHi, table.rootLo | 1);
    memory.store64(0, entry + 8, 0, (DOMAIN << 8) | AW_48);
    // As many entries as the comparator's IOTLB has.
    this.unit = new VtdUnit({ memory, options: { caches: { iotlbEntries: 4096, ways: 4 } } });
    write64(this.unit, RTADDR, BigInt(root) * 4096n);
    this.unit.write32(GCMD, SRTP);
    this.unit.write32(GCMD, TE);
  }

  /** Translates in the given order. @returns ns per request and the sum of the addresses */
  translate(order: Int32Array): { readonly ns: number; readonly sum: bigint } {
    const { unit } = this;
    const start = process.hrtime.bigint();
    const frames = translateAll(unit, order);
    const ns = Number(process.hrtime.bigint() - start) / order.length;
    return { ns, sum: BigInt(frames) << 12n };
  }

  /** The hot pages are in the IOTLB afterwards. */
  fill(orders: Orders): void {
    translateAll(this.unit, orders.hot);
  }
}

function translateAll(unit: VtdUnit, order: Int32Array): number {
  const { translation } = unit;
  const count = order.length;
  let frames = 0;
  for (let i = 0; i < count; i++) {
    const page = order[i] as number;
    if (!unit.translate(REQUESTER, WITHOUT_PASID, 1, page << 12, READ)) throw new Error('request refused');
    frames += (translation.paHi << 20) | (translation.paLo >>> 12);
  }
  return frames;
}
