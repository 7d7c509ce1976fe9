import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Access, hi32, join64, lo32, NO_PASID, PhysicalMemory, Prot, read64, type IommuDomain } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { bareBackend, device, domainOf, map, QueuedCommands, wordsOf } from './bench-machine.js';

type Mapping = [iova: string, bytes: string, pa: string, level: number, rights: string, bits: string];
type Check = { bdf: string; iova: string; write: boolean; st: 'ok' | 'blocked'; pa?: string; fault?: string };

interface Snapshot {
  readonly root: string;
  readonly pages: readonly [address: string, hex: string][];
  readonly devices: readonly {
    readonly bdf: string;
    readonly sid: string;
    readonly entry: readonly [string, string];
    readonly domain: number;
    readonly levels: number;
    readonly mappings: readonly Mapping[];
  }[];
  readonly commands_since_boot: readonly [string, string][];
  readonly checks: readonly Check[];
  readonly walker_checks: readonly Check[];
}

/** Tables that Linux 6.12's own driver wrote (fixtures/README.md). */
const snapshot = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../fixtures/linux-tables/vtd-linux-6.12-aw39.json.gz', import.meta.url)),
  ).toString(),
) as Snapshot;

function linuxMemory(): PhysicalMemory {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x1_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: { start: 0n, last: 0xf_ffffn } });
  for (const [address, hex] of snapshot.pages) memory.write(BigInt(address), Buffer.from(hex, 'hex'));
  return memory;
}

interface Walk {
  /** 0: none. */
  readonly fault: number;
  readonly pa?: bigint;
  readonly leaf?: bigint;
  readonly level?: number;
}

/**
 * A legacy-mode walk over memory's bytes, from the specification alone: root entry (9.1), context entry (9.3), second-stage entries
 * (9.8), walk and rights (3.7), fault reasons (7.1.3). Nothing of the driver, the engine or the unit is used.
 */
function walk(word: (address: bigint) => bigint, root: bigint, sid: number, iova: bigint, write: boolean): Walk {
  const address = (entry: bigint): bigint => entry & 0x000f_ffff_ffff_f000n;
  const rootEntry = word(root + BigInt(sid >> 8) * 16n);
  if ((rootEntry & 1n) === 0n) return { fault: 1 };
  const context = address(rootEntry) + BigInt(sid & 0xff) * 16n;
  const low = word(context);
  if ((low & 1n) === 0n) return { fault: 2 };
  const levels = Number(word(context + 8n) & 7n) + 2;
  if (iova >> BigInt(12 + 9 * levels) !== 0n) return { fault: 4 };
  let table = address(low);
  for (let level = levels; ; level--) {
    const shift = BigInt(3 + 9 * level);
    const entry = word(table + ((iova >> shift) & 0x1ffn) * 8n);
    if ((entry & (write ? 2n : 1n)) === 0n) return { fault: write ? 5 : 6 };
    if (level === 1 || (entry & 0x80n) !== 0n) {
      const offset = (1n << shift) - 1n;
      return { fault: 0, pa: (address(entry) & ~offset) | (iova & offset), leaf: entry, level };
    }
    table = address(entry);
  }
}

const prots: Readonly<Record<string, number>> = { rw: Prot.READ | Prot.WRITE, ro: Prot.READ, wo: Prot.WRITE };
const sidOf = (bdf: string): number => {
  const [bus, slot, fn] = bdf.split(/[:.]/).map((part) => parseInt(part, 16)) as [number, number, number];
  return (bus << 8) | (slot << 3) | fn;
};

/** All devices of the snapshot, on domains with the same mappings, one call for each stretch of equal pages. */
function replayed(completion: 'immediate' | 'stepped') {
  const at = bareBackend({ preset: 'qemu-q35-39bit', cachingMode: false, completion });
  const domains = new Map<number, IommuDomain>();
  for (const { sid, domain: key, mappings } of snapshot.devices) {
    const dev = device(Number(sid));
    expect(at.backend.addDevice(dev)).toBe(0);
    const known = domains.get(key);
    const domain = known ?? domainOf(at.backend.allocPaging(dev, 0, undefined));
    domains.set(key, domain);
    expect(at.backend.attach(dev, domain)).toBe(0);
    for (const [iova, bytes, pa, level, rights] of known === undefined ? mappings : []) {
      const shift = 3 + 9 * level;
      const count = Number(BigInt(bytes) >> BigInt(shift));
      expect(map(domain, BigInt(iova), BigInt(pa), shift, count, prots[rights]!)).toBe(0);
    }
  }
  const root = read64(at.backend.unit, 0x20);
  return { ...at, word: wordsOf(at.memory), root: root & ~0xfffn };
}

describe.each(['immediate', 'stepped'] as const)(
  "tables that Linux's driver wrote, with %s completion",
  (completion) => {
    const ours = replayed(completion);
    const linux = wordsOf(linuxMemory());
    const { unit } = ours.backend;

    it.each(snapshot.devices.map((entry) => [entry.bdf, entry] as const))('come out alike for %s', (_, entry) => {
      const sid = Number(entry.sid);
      const contextAt = (word: (address: bigint) => bigint, root: bigint): bigint =>
        (word(root + BigInt(sid >> 8) * 16n) & ~0xfffn) + BigInt(sid & 0xff) * 16n;
      const context = contextAt(ours.word, ours.root);
      const DID = 0xff_ff00n;
      // The root differs, as frames do; everything else of the first word, and all but DID of the second, is Linux's.
      expect(ours.word(context) & 0xfffn).toBe(BigInt(entry.entry[0]) & 0xfffn);
      expect(ours.word(context + 8n) & ~DID).toBe(BigInt(entry.entry[1]) & ~DID);
      expect(linux(contextAt(linux, BigInt(snapshot.root)))).toBe(BigInt(entry.entry[0]));

      const wrong: string[] = [];
      const ask = (at: bigint, access: number): bigint | undefined =>
        unit.translate(sid, NO_PASID, hi32(at), lo32(at), access)
          ? join64(unit.translation.paHi, unit.translation.paLo)
          : undefined;
      for (const [iova, bytes, pa, level, rights] of entry.mappings) {
        const page = 1n << BigInt(3 + 9 * level);
        for (let offset = 0n; offset < BigInt(bytes); offset += page) {
          for (const byte of [offset, offset + page - 1n]) {
            const at = BigInt(iova) + byte;
            const to = BigInt(pa) + byte;
            const one = walk(ours.word, ours.root, sid, at, false);
            const two = walk(linux, BigInt(snapshot.root), sid, at, false);
            const isAlike = one.fault === 0 && two.fault === 0 && one.leaf === two.leaf && one.level === two.level;
            if (!isAlike || one.pa !== to || one.level !== level) wrong.push(`leaf of 0x${at.toString(16)}`);
            if (ask(at, Access.READ) !== to) wrong.push(`read of 0x${at.toString(16)}`);
            if (ask(at, Access.WRITE) !== (rights === 'ro' ? undefined : to))
              wrong.push(`write to 0x${at.toString(16)}`);
          }
        }
      }
      expect(wrong).toEqual([]);
    });

    it('answer every check of the recording: walker, Linux and unit agree', () => {
      let faults = 0;
      for (const { bdf, iova, write, pa, fault } of [...snapshot.checks, ...snapshot.walker_checks]) {
        const sid = sidOf(bdf);
        const at = BigInt(iova);
        const expected = fault === undefined ? { fault: 0, pa: BigInt(pa!) } : { fault: Number(fault) };
        expect(walk(linux, BigInt(snapshot.root), sid, at, write)).toMatchObject(expected);
        expect(walk(ours.word, ours.root, sid, at, write)).toMatchObject(expected);
        const allowed = unit.translate(sid, NO_PASID, hi32(at), lo32(at), write ? Access.WRITE : Access.READ);
        expect(allowed).toBe(fault === undefined);
        if (allowed) expect(join64(unit.translation.paHi, unit.translation.paLo)).toBe(BigInt(pa!));
        else {
          faults++;
          expect(unit.translation.fault).toMatchObject({ code: Number(fault) });
        }
      }
      expect(faults).toBeGreaterThan(500);
    });
  },
);

describe("commands that Linux's driver queued", () => {
  it('come in the same order at the start and when a device is taken off its domain, each with its wait', () => {
    const remapping = snapshot.commands_since_boot.filter(([low]) => (BigInt(low) & 0xfn) !== 4n);
    const lows = remapping.map(([low]) => BigInt(low));
    const first = lows.indexOf(0x11n);
    const { backend, memory } = bareBackend({ preset: 'qemu-q35-39bit', cachingMode: false });
    const queue = new QueuedCommands(backend.unit, memory);
    expect(queue.takeAll().map(([low]) => low)).toEqual(lows.slice(first, first + 4));

    const moved = lows.findIndex((low) => (low & 0xffn) === 0x31n);
    const sid = Number(lows[moved]! >> 32n);
    const dev = device(sid);
    backend.addDevice(dev);
    backend.attach(dev, domainOf(backend.allocPaging(dev, 0, undefined)));
    expect(queue.take()).toEqual([]);
    backend.detach(dev);
    const DID = 0xffff_0000n;
    expect(queue.takeAll().map(([low]) => low & ~DID)).toEqual(lows.slice(moved, moved + 4).map((low) => low & ~DID));
  });
});
