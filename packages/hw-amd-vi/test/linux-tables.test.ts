import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  Access,
  hi32,
  join64,
  lo32,
  NO_PASID,
  PhysicalMemory,
  Prot,
  read64,
  write64,
  type TranslationUnit,
} from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { PagingDomain } from '../src/driver/paging-domain.js';
import { invalidateDomain, invalidatePages } from '../src/driver/invalidations.js';
import { AmdViUnit, type AmdViFault } from '../src/index.js';
import { Register } from '../src/layouts/register-offsets.js';
import { bareBackend, device, QueuedCommands } from './bench-machine.js';
import { bookWalk, type Refusal } from './unit/book-walk.js';

type Mapping = [iova: string, bytes: string, pa: string, level: number, rights: string, bits: string, page?: string];
type Fault = 'perm' | 'not_present' | 'beyond' | 'perm_dte';
type Check = { bdf: string; iova: string; write: boolean; st: 'ok' | 'blocked'; pa?: string; fault?: Fault };

interface Snapshot {
  readonly regs: Readonly<Record<string, string>>;
  readonly pages: readonly [address: string, hex: string][];
  readonly devices: readonly {
    readonly bdf: string;
    readonly sid: string;
    readonly entry: readonly [string, string, string, string];
    readonly domain: number;
    readonly levels: number;
    readonly mappings?: readonly Mapping[];
  }[];
  readonly commands: readonly [string, string][];
  readonly checks: readonly Check[];
  readonly walker_checks: readonly Check[];
}

/** Tables that Linux 6.12's own driver wrote (fixtures/README.md). */
const snapshot = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../fixtures/linux-tables/amdvi-linux-6.12.json.gz', import.meta.url)),
  ).toString(),
) as Snapshot;
const register = (offset: number): bigint => {
  const name = (at: number): string => `0x${at.toString(16).padStart(3, '0')}`;
  return (BigInt(snapshot.regs[name(offset + 4)]!) << 32n) | BigInt(snapshot.regs[name(offset)]!);
};

function linuxMemory(): PhysicalMemory {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x1_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: { start: 0n, last: 0xf_ffffn } });
  for (const [address, hex] of snapshot.pages) memory.write(BigInt(address), Buffer.from(hex, 'hex'));
  return memory;
}

const wordsOf =
  (memory: PhysicalMemory) =>
  (at: bigint): bigint => {
    memory.load64(hi32(at), lo32(at));
    return join64(memory.loadedHi, memory.loadedLo);
  };

const prots: Readonly<Record<string, number>> = { rw: Prot.READ | Prot.WRITE, ro: Prot.READ, wo: Prot.WRITE };
const REFUSALS: Readonly<Record<Fault, Refusal>> = {
  perm: 'right missing',
  not_present: 'entry not present (PR = 0)',
  beyond: 'beyond Mode',
  perm_dte: 'right missing in the DTE',
};
const FLAGS: Readonly<Record<Fault, object>> = {
  perm: { present: true, permission: true },
  not_present: { present: false },
  beyond: { present: false },
  perm_dte: { present: true, permission: true },
};
const sidOf = (bdf: string): number => {
  const [bus, slot, fn] = bdf.split(/[:.]/).map((part) => parseInt(part, 16)) as [number, number, number];
  return (bus << 8) | (slot << 3) | fn;
};
const pageBytes = ([, , , level, , , page]: Mapping): bigint =>
  page === undefined ? 1n << BigInt(3 + 9 * level) : BigInt(page);

const linux = wordsOf(linuxMemory());
const linuxTable = register(0) & ~0xfffn;
const translating = snapshot.devices.filter(({ levels }) => levels > 0);

/** All devices of the snapshot on our driver, on domains with the same mappings. */
function replayed(completion: 'immediate' | 'stepped') {
  const at = bareBackend({ preset: 'qemu-q35-7.2', completion });
  const domains = new Map<number, PagingDomain>();
  for (const { sid, domain: key, mappings = [] } of translating) {
    const dev = device(Number(sid));
    expect(at.backend.addDevice(dev)).toBe(0);
    const known = domains.get(key);
    const domain = known ?? at.backend.allocPaging(dev, 0, undefined);
    if (!(domain instanceof PagingDomain)) throw new Error('no domain');
    domains.set(key, domain);
    expect(at.backend.attach(dev, domain)).toBe(0);
    if (known !== undefined) continue;
    for (const mapping of mappings) {
      const [iova, bytes, pa, , rights] = mapping;
      const size = pageBytes(mapping);
      const shift = size.toString(2).length - 1;
      const count = Number(BigInt(bytes) / size);
      const [start, to] = [BigInt(iova), BigInt(pa)];
      expect(domain.mapPages(hi32(start), lo32(start), hi32(to), lo32(to), shift, count, prots[rights]!)).toBe(0);
    }
  }
  for (const { sid } of snapshot.devices.filter(({ levels }) => levels === 0)) {
    expect(at.backend.addDevice(device(Number(sid)))).toBe(0);
  }
  const table = read64(at.backend.unit, 0) & ~0xfffn;
  return { ...at, word: wordsOf(at.memory), table };
}

describe.each(['immediate', 'stepped'] as const)(
  "tables that Linux's driver wrote, with %s completion",
  (completion) => {
    const ours = replayed(completion);

    it.each(translating.map((entry) => [entry.bdf, entry] as const))(
      'come out alike for %s: entry, levels, page sizes, every leaf',
      (_, { sid, entry, levels, mappings = [] }) => {
        const at = ours.table + 32n * BigInt(sid);
        // Root and DomainID differ, as frames and machines do. Of the third word interrupt remapping is not ours.
        const ROOT = 0xf_ffff_ffff_f000n;
        expect(ours.word(at) & ~ROOT).toBe(BigInt(entry[0]) & ~ROOT);
        expect(ours.word(at + 8n) & ~0xffffn).toBe(BigInt(entry[1]) & ~0xffffn);
        expect([ours.word(at + 16n), ours.word(at + 24n)]).toEqual([1n, BigInt(entry[3])]);
        expect(Number((ours.word(at) >> 9n) & 7n)).toBe(levels);

        const wrong: string[] = [];
        for (const mapping of mappings) {
          const [iova, bytes, pa, level, rights] = mapping;
          const size = pageBytes(mapping);
          for (let offset = 0n; offset < BigInt(bytes); offset += size) {
            // The first and the last byte of a page: the first and the last of its replicas.
            for (const byte of [offset, offset + size - 1n]) {
              const address = BigInt(iova) + byte;
              for (const write of [false, true]) {
                const one = bookWalk(ours.word, ours.word(at), address, write);
                const two = bookWalk(linux, linux(linuxTable + 32n * BigInt(sid)), address, write);
                const isAllowed = rights === 'rw' || rights === (write ? 'wo' : 'ro');
                const isAlike =
                  one.leaf === two.leaf &&
                  one.level === two.level &&
                  one.bytes === two.bytes &&
                  one.refusal === two.refusal;
                if (!isAlike) wrong.push(`leaf of ${address.toString(16)}`);
                if (isAllowed && (one.pa !== BigInt(pa) + byte || one.level !== level || one.bytes !== size)) {
                  wrong.push(`page of ${address.toString(16)}`);
                }
              }
            }
          }
        }
        expect(wrong).toEqual([]);
      },
    );

    const checks = [...snapshot.checks, ...snapshot.walker_checks];
    const answered = (
      unit: TranslationUnit,
      word: (at: bigint) => bigint,
      table: bigint,
    ): { refused: number; wrong: string[] } => {
      let refused = 0;
      const wrong: string[] = [];
      for (const { bdf, iova, write, pa, fault } of checks) {
        const sid = sidOf(bdf);
        const at = BigInt(iova);
        const to = pa === undefined ? undefined : BigInt(pa);
        const book = bookWalk(word, word(table + 32n * BigInt(sid)), at, write);
        if (book.pa !== to || book.refusal !== (fault && REFUSALS[fault])) wrong.push(`book ${bdf} ${iova}`);
        const isAllowed = unit.translate(sid, NO_PASID, hi32(at), lo32(at), write ? Access.WRITE : Access.READ);
        const { translation } = unit;
        if (fault === undefined) {
          if (!isAllowed || join64(translation.paHi, translation.paLo) !== to) wrong.push(`${bdf} ${iova}`);
          continue;
        }
        refused++;
        const { name, details } = translation.fault as AmdViFault;
        const flags = Object.entries(FLAGS[fault]).every(([flag, value]) => details[flag] === value);
        if (isAllowed || name !== 'IO_PAGE_FAULT' || !flags) wrong.push(`${bdf} ${iova} ${fault}`);
      }
      return { refused, wrong };
    };

    it("answer every check of the recording on Linux's own memory", () => {
      for (const preset of ['qemu-q35-7.2', 'zen-server'] as const) {
        const unit = new AmdViUnit({ memory: linuxMemory(), options: { preset, completion } });
        write64(unit, Register.DEVICE_TABLE_BASE, register(0));
        write64(unit, Register.CONTROL, 1n);
        expect(answered(unit, linux, linuxTable)).toEqual({ refused: 1144, wrong: [] });
      }
    });

    it('answer every check of the recording on the tables of our driver', () => {
      expect(checks).toHaveLength(2566);
      expect(answered(ours.backend.unit, ours.word, ours.table)).toEqual({ refused: 1144, wrong: [] });
    });
  },
);

describe("what Linux's driver did", () => {
  it('to the registers, ours does, but for interrupt remapping (GAEn) and firmware', () => {
    const { backend } = bareBackend({ preset: 'qemu-q35-7.2' });
    const control = (offset: number): bigint => read64(backend.unit, offset);
    const GA_EN = 1n << 17n;
    expect(control(Register.CONTROL)).toBe(register(0x18) & ~GA_EN);
    const LENGTH = 0xffn << 56n;
    expect(control(Register.COMMAND_BUFFER_BASE) & LENGTH).toBe(register(8) & LENGTH);
    expect(control(Register.EVENT_LOG_BASE) & LENGTH).toBe(register(0x10) & LENGTH);
    expect(control(Register.DEVICE_TABLE_BASE) & 0xfffn).toBe(register(0) & 0xfffn);
    expect(control(Register.STATUS)).toBe(BigInt(snapshot.regs['0x2020']!));
  });

  it('to a device that nobody uses: everything is refused', () => {
    const { backend, memory } = bareBackend({ preset: 'qemu-q35-7.2' });
    const word = wordsOf(memory);
    const table = read64(backend.unit, 0) & ~0xfffn;
    const unused = 0x8n;
    expect([0n, 8n, 16n, 24n].map((at) => word(table + 32n * unused + at))).toEqual(
      [0n, 8n, 16n, 24n].map((at) => linux(linuxTable + 32n * unused + at)),
    );
    expect(word(table + 32n * unused)).toBe(3n);
  });

  it('in its command queue, ours would: ranges, encodings, and a wait after each', () => {
    const pairs = snapshot.commands.map(([low, high]) => [BigInt(low), BigInt(high)] as const);
    const waits = pairs.filter(([low]) => low >> 60n === 1n);
    const { backend, memory } = bareBackend({ preset: 'qemu-q35-7.2' });
    const queue = new QueuedCommands(backend.unit, memory);
    const dev = device(0x10);
    backend.addDevice(dev);
    const domain = backend.allocPaging(dev, 0, undefined);
    if (!(domain instanceof PagingDomain)) throw new Error('no domain');
    backend.attach(dev, domain);
    queue.takeAll();
    let compared = 0;
    for (const [low, high] of pairs.filter(([first]) => first >> 60n === 3n)) {
      const ones = high | 0xfffn;
      const size = (high & 1n) === 0n ? 0x1000n : (ones ^ (ones + 1n)) + 1n;
      const start = high & ~(size - 1n) & ~0xfffn;
      const domainId = Number((low >> 32n) & 0xffffn);
      const isAll = size > 1n << 52n;
      const word = isAll ? invalidateDomain(domainId) : invalidatePages(domainId, start, start + size - 1n);
      expect(word).toBe((high << 64n) | low);
      // The driver itself, for the same range: one command, one wait of the same shape.
      if (isAll) continue;
      domain.syncMap(hi32(start), lo32(start), hi32(start + size - 1n), lo32(start + size - 1n));
      const [pages, wait, ...others] = queue.takeAll();
      const DOMAIN = 0xffff_0000_0000n;
      expect([pages![0] & ~DOMAIN, pages![1]]).toEqual([low & ~DOMAIN, high]);
      const ADDRESS = 0xf_ffff_ffff_fff8n;
      expect(wait![0] & ~ADDRESS).toBe(waits[0]![0] & ~ADDRESS);
      expect(others).toEqual([]);
      compared++;
    }
    expect(compared).toBeGreaterThan(200);
    // One address for all waits, numbers that go up by one.
    expect(new Set(waits.map(([low]) => low)).size).toBe(1);
    waits.slice(1).forEach(([, data], at) => expect(data).toBe(waits[at]![1] + 1n));
  });
});
