import { read64, type PhysicalMemory, type TranslationUnit } from '@ioasis/core';
import type { Vendor } from './machines.js';

/** A command as 64-bit words, lowest first. */
export type Command = readonly bigint[];

/** Changes the commands that a driver is about to hand over; as many come out as went in. */
export type Rewrite = (commands: readonly Command[]) => readonly Command[];

/** Where a unit's queue is and what its commands look like, from the datasheets. */
interface QueueShape {
  readonly doorbell: number;
  /** First byte of the ring, bytes of a command, and how many there are. */
  ring(unit: TranslationUnit): { readonly base: bigint; readonly bytes: number; readonly entries: number };
  /** Index of the next command that the unit takes. */
  head(unit: TranslationUnit, bytes: number): number;
  /** Index that a value written to the doorbell stands for. */
  tail(value: number, bytes: number): number;
}

const queues: Readonly<Record<Vendor, QueueShape>> = {
  // IQA_REG: base [63:12], DW [11], QS [2:0]; IQH and IQT: byte offsets.
  'intel-vtd': {
    doorbell: 0x88,
    ring(unit) {
      const iqa = read64(unit, 0x90);
      const bytes = (iqa & 0x800n) === 0n ? 16 : 32;
      return { base: iqa & ~0xfffn, bytes, entries: (4096 << Number(iqa & 7n)) / bytes };
    },
    head: (unit, bytes) => unit.read32(0x80) / bytes,
    tail: (value, bytes) => value / bytes,
  },
  // SMMU_CMDQ_BASE: ADDR [51:5], LOG2SIZE [4:0]; PROD and CONS: indices with a wrap bit above.
  'arm-smmuv3': {
    doorbell: 0x98,
    ring(unit) {
      const base = read64(unit, 0x90);
      return { base: base & 0xf_ffff_ffff_ffe0n, bytes: 16, entries: 1 << Number(base & 0x1fn) };
    },
    head: (unit) => unit.read32(0x9c) & 0xf_ffff,
    tail: (value) => value,
  },
  // Command Buffer Base: ComBase [51:12], ComLen [59:56]; head and tail: byte offsets.
  'amd-vi': {
    doorbell: 0x2008,
    ring(unit) {
      const base = read64(unit, 0x8);
      return { base: base & 0xf_ffff_ffff_f000n, bytes: 16, entries: 1 << Number((base >> 56n) & 0xfn) };
    },
    head: (unit) => unit.read32(0x2000) / 16,
    tail: (value) => value / 16,
  },
};

/**
 * Stands between a driver and its unit: when the doorbell rings, it rewrites the commands that the unit has not taken yet, in the memory of the
 * ring. Neither driver nor unit is changed.
 */
export function filterCommands(unit: TranslationUnit, memory: PhysicalMemory, vendor: Vendor, rewrite: Rewrite): void {
  const queue = queues[vendor];
  const { write32, write64 } = unit;
  const ring = (value: number): void => {
    const { base, bytes, entries } = queue.ring(unit);
    const tail = queue.tail(value, bytes) % entries;
    const slots: bigint[] = [];
    for (let at = queue.head(unit, bytes) % entries; at !== tail; at = (at + 1) % entries) {
      slots.push(base + BigInt(at * bytes));
    }
    const commands = slots.map((slot) => {
      const raw = new Uint8Array(bytes);
      memory.read(slot, raw);
      return [...new BigUint64Array(raw.buffer)];
    });
    rewrite(commands).forEach((words, index) => memory.write(slots[index]!, bytesOf(words)));
  };
  unit.write32 = (offset, value) => {
    if (offset === queue.doorbell) ring(value);
    write32.call(unit, offset, value);
  };
  unit.write64 = (offset, hi, lo) => {
    if (offset === queue.doorbell) ring(lo);
    write64.call(unit, offset, hi, lo);
  };
}

const bytesOf = (words: Command): Uint8Array => new Uint8Array(BigUint64Array.from(words).buffer);
