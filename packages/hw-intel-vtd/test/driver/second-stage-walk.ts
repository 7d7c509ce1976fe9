import type { PhysicalMemory } from '@ioasis/core';

/** What a walk by the book finds. */
export interface WalkedLeaf {
  readonly pa: bigint;
  /** 1: 4 KiB, 2: 2 MiB, 3: 1 GiB. */
  readonly level: number;
  /** The leaf without its address. */
  readonly bits: bigint;
}

function load(memory: PhysicalMemory, at: bigint): bigint {
  const bytes = new Uint8Array(8);
  memory.read(at, bytes);
  return new DataView(bytes.buffer).getBigUint64(0, true);
}

/** Second-stage walk (VT-d 3.7, 9.8) in plain BigInt, sharing nothing with the engine. Undefined: not mapped. */
export function walk(memory: PhysicalMemory, root: bigint, levels: number, iova: bigint): WalkedLeaf | undefined {
  let table = root;
  for (let level = levels; level > 0; level--) {
    const shift = BigInt(12 + 9 * (level - 1));
    const entry = load(memory, table + ((iova >> shift) & 0x1ffn) * 8n);
    const address = entry & 0x000f_ffff_ffff_f000n;
    if ((entry & 3n) === 0n) return undefined;
    if (level === 1 || (entry & 0x80n) !== 0n) {
      return { pa: address + (iova & ((1n << shift) - 1n)), level, bits: entry & 0xfffn };
    }
    if (entry !== (address | 3n)) throw new Error(`link ${entry.toString(16)} is not address | 3`);
    table = address;
  }
  return undefined;
}

/** Context entry of a requester in legacy mode, from the root table on. */
export function legacyContext(memory: PhysicalMemory, root: bigint, sourceId: number): readonly [bigint, bigint] {
  const table = load(memory, root + BigInt(sourceId >> 8) * 16n);
  const at = (table & ~0xfffn) + BigInt(sourceId & 0xff) * 16n;
  return (table & 1n) === 0n ? [0n, 0n] : [load(memory, at), load(memory, at + 8n)];
}
