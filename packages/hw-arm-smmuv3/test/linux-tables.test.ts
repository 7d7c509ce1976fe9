import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Access, hi32, join64, lo32, NO_PASID, PhysicalMemory, write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SmmuV3Unit, type SmmuV3Options } from '../src/index.js';

interface Check {
  readonly sid: string;
  readonly iova: string;
  readonly write: boolean;
  readonly st: 'ok' | 'fault' | 'abort';
  readonly pa?: string;
  /** The record's words as QEMU wrote them: CLASS is left 0. */
  readonly event?: { readonly raw: readonly string[] };
}

interface Snapshot {
  readonly regs: Readonly<Record<string, string>>;
  readonly pages: readonly [address: string, hex: string][];
  readonly commands: readonly [low: string, high: string][];
  readonly checks: readonly Check[];
}

/** Memory, registers and commands of Linux 6.12's own driver (fixtures/README.md). */
const snapshot = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../fixtures/linux-tables/smmuv3-linux-6.12-4k.json.gz', import.meta.url)),
  ).toString(),
) as Snapshot;

const register = (offset: number): number => Number(snapshot.regs[`0x${offset.toString(16).padStart(3, '0')}`]);
const register64 = (offset: number): bigint => (BigInt(register(offset + 4)) << 32n) | BigInt(register(offset));

/** EVENT.CLASS = IN. */
const CLASS_IN = 2n << 40n;

/** A unit that is given Linux's pages and registers, queues on, nothing run yet. */
function resumed(options: SmmuV3Options) {
  const memory = new PhysicalMemory({
    windows: [{ start: 0x4000_0000n, last: 0x1_3fff_ffffn }],
    arena: { start: 0x4000_0000n, last: 0x400f_ffffn },
  });
  for (const [address, hex] of snapshot.pages) memory.write(BigInt(address), Buffer.from(hex, 'hex'));
  const unit = new SmmuV3Unit({ memory, options });
  for (const offset of [0x28, 0x2c, 0x50, 0x88]) unit.write32(offset, register(offset) | 0);
  for (const offset of [0x80, 0x90, 0xa0]) write64(unit, offset, register64(offset));
  unit.write32(0x20, register(0x20));
  return { memory, unit };
}

describe('the unit on tables that a Linux driver wrote', () => {
  it('shows the ID registers that the driver saw', () => {
    const { unit } = resumed({ preset: 'qemu-virt-7.2' });
    for (const offset of [0x00, 0x04, 0x0c, 0x14, 0x1c]) expect(unit.read32(offset) >>> 0).toBe(register(offset));
  });

  it.each<SmmuV3Options>([
    { preset: 'qemu-virt-7.2' },
    { preset: 'qemu-virt-7.2', caches: false },
    { preset: 'qemu-virt-7.2', caches: { tlbEntries: 16, walkEntries: 8, contextEntries: 2, ways: 2, seed: 1 } },
    // Everything that Linux found on the small unit is the same on a large one.
    { preset: 'server', busBits: 48 },
  ])('answers all checks (%o)', (options) => {
    const { unit } = resumed(options);
    const wrong: unknown[] = [];
    // Twice: walked, and from the caches where there are any.
    for (const check of [...snapshot.checks, ...snapshot.checks]) {
      const iova = BigInt(check.iova);
      const access = check.write ? Access.WRITE : Access.READ;
      const isAllowed = unit.translate(Number(check.sid), NO_PASID, hi32(iova), lo32(iova), access);
      const { paHi, paLo, fault } = unit.translation;
      const got = isAllowed ? [join64(paHi, paLo)] : fault!.record;
      const expected = check.pa === undefined ? (check.event?.raw ?? []).map(BigInt) : [BigInt(check.pa)];
      if (check.event !== undefined) expected[1]! |= CLASS_IN;
      const isAlike = isAllowed === (check.st === 'ok') && got.join() === expected.join();
      if (!isAlike || (check.st === 'abort' && fault!.name !== 'ABORT')) wrong.push({ check, got });
    }
    expect(wrong).toEqual([]);
    expect(snapshot.checks.length).toBeGreaterThan(1700);
  });

  it.each(['immediate', 'stepped'] as const)('runs every command that it was given, %s', (completion) => {
    const { unit, memory } = resumed({ preset: 'qemu-virt-7.2', completion });
    const queue = register64(0x90) & 0xf_ffff_ffff_ffe0n;
    snapshot.commands.forEach(([low, high], index) => {
      const bytes = new DataView(new ArrayBuffer(16));
      bytes.setBigUint64(0, BigInt(low), true);
      bytes.setBigUint64(8, BigInt(high), true);
      memory.write(queue + BigInt(index * 16), new Uint8Array(bytes.buffer));
    });
    unit.write32(0x98, register(0x98));
    while (unit.step(7) > 0);
    expect(unit.counters.commands).toBe(snapshot.commands.length);
    expect(unit.read32(0x9c)).toBe(register(0x9c));
    expect(unit.read32(0x60)).toBe(0);
  });
});
