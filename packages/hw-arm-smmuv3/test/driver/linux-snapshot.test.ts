import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Access, hi32, join64, lo32, NO_PASID, PhysicalMemory, Prot } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import {
  configurationAll,
  configurationOfContext,
  configurationOfStream,
  prefetchConfiguration,
  tlbAll,
  tlbOfAsid,
  tlbOfRange,
} from '../../src/driver/invalidations.js';
import { bareBackend, device, domainOf, map, QueuedCommands, register64, wordsOf } from '../bench-machine.js';

type Mapping = [iova: string, bytes: string, pa: string, level: number, rights: 'rw' | 'ro', bits: string];

interface Snapshot {
  readonly regs: Readonly<Record<string, string>>;
  readonly pages: readonly [address: string, hex: string][];
  readonly streams: readonly {
    readonly sid: string;
    readonly ste: readonly string[];
    readonly cd: readonly string[];
    readonly mappings: readonly Mapping[];
  }[];
  readonly commands: readonly [low: string, high: string][];
}

/** Tables that Linux 6.12's own driver wrote (fixtures/README.md). */
const snapshot = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../../fixtures/linux-tables/smmuv3-linux-6.12-4k.json.gz', import.meta.url)),
  ).toString(),
) as Snapshot;

const linuxRegister = (offset: number): number => Number(snapshot.regs[`0x${offset.toString(16).padStart(3, '0')}`]);

function linuxMemory(): PhysicalMemory {
  const memory = new PhysicalMemory({
    windows: [{ start: 0x4000_0000n, last: 0x1_3fff_ffffn }],
    arena: { start: 0x4000_0000n, last: 0x400f_ffffn },
  });
  for (const [address, hex] of snapshot.pages) memory.write(BigInt(address), Buffer.from(hex, 'hex'));
  return memory;
}

const ADDRESS = 0x000f_ffff_ffff_f000n;

interface Found {
  readonly ste: readonly bigint[];
  readonly cd: readonly bigint[];
  /** The last descriptor that was read, its level, and where the byte lies. */
  readonly leaf: bigint;
  readonly level: number;
  readonly pa: bigint;
}

/** An independent walk by the book, from STRTAB_BASE (two levels, SPLIT 8) over bytes: 4K granule, 48 bits, TTB0. */
function walk(memory: PhysicalMemory, streamTable: bigint, streamId: bigint, iova: bigint): Found {
  const word = wordsOf(memory);
  const entry = (at: bigint): bigint[] => Array.from({ length: 8 }, (_, index) => word(at + BigInt(index * 8)));
  const span = word((streamTable & 0x000f_ffff_ffff_ffc0n) + (streamId >> 8n) * 8n);
  expect(span & 0x1fn).toBe(9n);
  const ste = entry((span & 0x000f_ffff_ffff_ffc0n) + (streamId & 0xffn) * 64n);
  const cd = entry(ste[0]! & 0x000f_ffff_ffff_ffc0n);
  let table = cd[1]! & ADDRESS;
  for (let level = 0; ; level++) {
    const shift = BigInt(39 - 9 * level);
    const leaf = word(table + ((iova >> shift) & 0x1ffn) * 8n);
    expect(leaf & 1n).toBe(1n);
    if (level === 3 || (leaf & 2n) === 0n) {
      const offset = iova & ((1n << shift) - 1n);
      return { ste, cd, leaf, level, pa: (leaf & 0x0000_ffff_ffff_f000n) | offset };
    }
    table = leaf & ADDRESS;
  }
}

/** What was asked for, from the recorded bits of the leaf: memory or, with attribute index 2, a doorbell. */
const protOf = ([, , , , rights, bits]: Mapping): number =>
  Prot.READ |
  (rights === 'rw' ? Prot.WRITE : 0) |
  ((BigInt(bits) & 0x1cn) === 8n ? Prot.MMIO | Prot.NOEXEC : Prot.CACHE);

const leafShift = (level: number): number => 39 - 9 * level;

/** Ours, with the same mappings for the same streams. */
function sameMappings() {
  const at = bareBackend();
  const queue = new QueuedCommands(at.backend.unit, at.memory);
  const attachments = new Map<string, readonly bigint[]>();
  for (const { sid, mappings } of snapshot.streams) {
    const dev = device(Number(sid));
    expect(at.backend.addDevice(dev)).toBe(0);
    const domain = domainOf(at.backend.allocPaging(dev, 0, undefined));
    queue.take();
    expect(at.backend.attach(dev, domain)).toBe(0);
    attachments.set(sid, queue.take());
    for (const mapping of mappings) {
      const shift = leafShift(mapping[3]);
      const count = Number(BigInt(mapping[1]) >> BigInt(shift));
      expect(map(domain, BigInt(mapping[0]), BigInt(mapping[2]), shift, count, protOf(mapping))).toBe(0);
    }
  }
  return { ...at, attachments };
}

const POINTER = 0x000f_ffff_ffff_fff0n;
const ASID = 0xffff_0000_0000_0000n;

describe("tables that Linux's driver wrote", () => {
  const linux = linuxMemory();
  const linuxTable = BigInt(snapshot.regs['0x080']!) | (BigInt(snapshot.regs['0x084']!) << 32n);
  const ours = sameMappings();
  const { unit } = ours.backend;
  const ourTable = register64(unit, 0x80);

  it.each([
    ['CR0', 0x20],
    ['CR1', 0x28],
    ['CR2', 0x2c],
    ['IRQ_CTRL', 0x50],
    ['STRTAB_BASE_CFG', 0x88],
  ])('leave the same value in %s', (_, offset) => {
    expect(unit.read32(offset)).toBe(linuxRegister(offset));
    expect(ourTable >> 62n).toBe(linuxTable >> 62n);
  });

  it.each(snapshot.streams.map((stream) => [stream.sid, stream] as const))(
    'come out alike for stream %s',
    (_, { sid, ste, cd, mappings }) => {
      const streamId = BigInt(sid);
      let leaves = 0;
      for (const [iova, bytes, pa, level, rights] of mappings) {
        const size = 1n << BigInt(leafShift(level));
        for (let offset = 0n; offset < BigInt(bytes); offset += size) {
          const at = BigInt(iova) + offset;
          const theirs = walk(linux, linuxTable, streamId, at);
          const found = walk(ours.memory, ourTable, streamId, at);
          expect(found.leaf).toBe(theirs.leaf);
          expect(found.level).toBe(level);
          expect(found.pa).toBe(BigInt(pa) + offset);
          leaves++;
        }
        for (const at of [BigInt(iova), BigInt(iova) + BigInt(bytes) - 1n]) {
          expect(unit.translate(Number(sid), NO_PASID, hi32(at), lo32(at), Access.READ)).toBe(true);
          const { paHi, paLo } = unit.translation;
          expect(join64(paHi, paLo)).toBe(walk(ours.memory, ourTable, streamId, at).pa);
          expect(unit.translate(Number(sid), NO_PASID, hi32(at), lo32(at), Access.WRITE)).toBe(rights === 'rw');
        }
      }
      expect(leaves).toBeGreaterThan(0);
      const found = walk(ours.memory, ourTable, streamId, BigInt(mappings[0]![0]));
      expect(found.ste.map((word, index) => (index === 0 ? word & ~POINTER : word))).toEqual(
        ste.map((word, index) => (index === 0 ? BigInt(word) & ~POINTER : BigInt(word))),
      );
      const unplaced = (words: readonly bigint[]): bigint[] =>
        words.map((word, index) => (index === 0 ? word & ~ASID : index === 1 ? word & ~POINTER : word));
      expect(unplaced(found.cd)).toEqual(unplaced(cd.map(BigInt)));
    },
  );

  it.each(snapshot.streams.map(({ sid }) => [sid]))('are announced by the same commands at the attach of %s', (sid) => {
    const commands = snapshot.commands.map(([low, high]) => BigInt(low) | (BigInt(high) << 64n));
    const from = commands.indexOf(configurationOfContext(Number(sid)));
    const to = commands.indexOf(prefetchConfiguration(Number(sid)));
    expect(ours.attachments.get(sid)).toEqual(commands.slice(from, to + 1));
  });
});

const OPCODE = 0xffn;
const SYNC = 0x46n;
const TLBI_NH_VA = 0x12n;

/** The range that a sequence of TLBI_NH_VA between two CMD_SYNCs names. */
function rangeOf(commands: readonly bigint[]) {
  const field = (command: bigint, high: number, low: number): bigint =>
    (command >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
  const first = commands[0]!;
  const granuleShift = 10 + 2 * Number(field(first, 75, 74));
  const ttl = Number(field(first, 73, 72));
  let bytes = 0n;
  for (const command of commands) {
    expect(field(command, 127, 76) << 12n).toBe((field(first, 127, 76) << 12n) + bytes);
    bytes += (field(command, 16, 12) + 1n) << (field(command, 24, 20) + BigInt(granuleShift));
  }
  return {
    stage: 1 as const,
    id: Number(field(first, 63, 48)),
    start: field(first, 127, 76) << 12n,
    bytes,
    pageShift: leafShift(ttl),
    granuleShift,
    leafOnly: field(first, 64, 64) === 1n,
  };
}

describe("commands that Linux's driver queued", () => {
  const commands = snapshot.commands.map(([low, high]) => BigInt(low) | (BigInt(high) << 64n));

  it('invalidate ranges as ours do', () => {
    let group: bigint[] = [];
    let compared = 0;
    for (const command of commands) {
      if ((command & OPCODE) === TLBI_NH_VA) group.push(command);
      else if (group.length > 0) {
        expect(command & OPCODE).toBe(SYNC);
        expect([...tlbOfRange(rangeOf(group))]).toEqual(group);
        compared += group.length;
        group = [];
      }
    }
    expect(group).toEqual([]);
    expect(compared).toBe(commands.filter((command) => (command & OPCODE) === TLBI_NH_VA).length);
    expect(compared).toBeGreaterThan(200);
  });

  it('are encoded alike for streams, contexts, whole address spaces and completion', () => {
    const { memory, backend } = bareBackend();
    // What the driver queued at its start, with the one CMD_SYNC of every submission.
    const [, sync] = commands;
    const base = register64(backend.unit, 0x90) & 0x000f_ffff_ffff_ffe0n;
    const started = Array.from({ length: 4 }, (_, slot) => {
      const word = wordsOf(memory);
      return word(base + BigInt(slot * 16)) | (word(base + BigInt(slot * 16 + 8)) << 64n);
    });
    expect(started).toEqual(commands.slice(0, 4));

    const encoders: Readonly<Record<string, (command: bigint) => bigint>> = {
      '1': (command) => prefetchConfiguration(Number((command >> 32n) & 0xffff_ffffn)),
      '3': (command) => configurationOfStream(Number((command >> 32n) & 0xffff_ffffn)),
      '4': () => configurationAll(),
      '5': (command) => configurationOfContext(Number((command >> 32n) & 0xffff_ffffn)),
      '17': (command) => tlbOfAsid(Number((command >> 48n) & 0xffffn)),
      '48': () => tlbAll(),
      '70': () => sync!,
    };
    const seen = new Set<string>();
    for (const command of commands) {
      const opcode = (command & OPCODE).toString();
      if (opcode === TLBI_NH_VA.toString()) continue;
      expect(encoders[opcode]?.(command)).toBe(command);
      seen.add(opcode);
    }
    expect([...seen].toSorted()).toEqual(Object.keys(encoders).toSorted());
  });
});
