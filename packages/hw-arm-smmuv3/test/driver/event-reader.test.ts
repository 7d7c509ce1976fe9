import { FrameAllocator, PhysicalMemory, type MmioWindow } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { EventReader } from '../../src/driver/event-reader.js';
import { SharedMemory } from '../../src/driver/shared-memory.js';

const PROD = 0x1_00a8;
const CONS = 0x1_00ac;
const OVERFLOW = 0x8000_0000;

/** A queue of 2^log2 events in memory, and the two registers. */
function queue(log2: number) {
  const memory = new PhysicalMemory({
    windows: [{ start: 0n, last: 0xf_ffffn }],
    arena: { start: 0n, last: 0xf_ffffn },
  });
  const registers = new Map<number, number>();
  const mmio: MmioWindow = {
    mmioBytes: 0x2_0000,
    read32: (offset) => registers.get(offset) ?? 0,
    write32: (offset, value) => void registers.set(offset, value),
    write64: () => undefined,
  };
  const frames = new FrameAllocator(memory, { firstFrame: 1, frames: 8 });
  const reader = new EventReader(new SharedMemory(memory, frames, true), mmio, log2);
  const base = reader.baseRegister & 0x000f_ffff_ffff_ffe0n;
  const put = (slot: number, ...words: bigint[]): void => {
    const bytes = new DataView(new ArrayBuffer(32));
    words.forEach((word, index) => bytes.setBigUint64(index * 8, word, true));
    memory.write(base + BigInt(slot * 32), new Uint8Array(bytes.buffer));
  };
  return { reader, registers, put };
}

describe('the event reader', () => {
  it('reads up to the producer over the wrap, and gives the slots back', () => {
    const { reader, registers, put } = queue(2);
    expect(reader.baseRegister & 0x1fn).toBe(2n);
    for (let event = 0; event < 6; event++) {
      put(event % 4, 0x8_0000_0010n, 0n, BigInt(event) << 12n);
      registers.set(PROD, event + 1);
      reader.drain();
      expect(registers.get(CONS)).toBe(event + 1);
    }
    expect(reader.events.map(({ words }) => words[2])).toEqual([0n, 0x1000n, 0x2000n, 0x3000n, 0x4000n, 0x5000n]);
  });

  it('acknowledges an overflow by making the flags equal', () => {
    const { reader, registers, put } = queue(1);
    for (const slot of [0, 1]) put(slot, 0x10n);
    registers.set(PROD, OVERFLOW | 2 | 0);
    reader.drain();
    expect(registers.get(CONS)! >>> 0).toBe(OVERFLOW + 2);
    expect(reader.events).toHaveLength(2);
    reader.drain();
    expect(reader.events).toHaveLength(2);
  });

  it('names events, also those that it does not know, in the lines of the log', () => {
    const { reader, registers, put } = queue(3);
    put(0, 0x10_0000_000an);
    put(1, 0x10_0000_0077n, 1n);
    registers.set(PROD, 2);
    reader.drain();
    expect(reader.events.map(({ name }) => name)).toEqual(['C_BAD_CD', 'UNKNOWN']);
    expect(reader.events[1]?.lines).toEqual([
      'event 0x77 received:',
      '\t0x0000001000000077',
      '\t0x0000000000000001',
      '\t0x0000000000000000',
      '\t0x0000000000000000',
    ]);
  });

  it('forgets the oldest', () => {
    const { reader, registers, put } = queue(7);
    for (let event = 0; event < 5000; event++) {
      put(event % 128, BigInt(event) << 32n);
      registers.set(PROD, (event + 1) % 256);
      reader.drain();
    }
    expect(reader.events).toHaveLength(4096);
    expect(reader.events[0]?.words[0]).toBe(904n << 32n);
  });
});
