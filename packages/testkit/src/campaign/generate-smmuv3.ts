import type { Scenario } from '../scenario/format.js';
import { AccessPlan } from './access-plan.js';
import { RadixBuilder, type RadixEntries } from './radix-builder.js';
import { ScenarioBuilder } from './scenario-builder.js';
import { targetPage } from './target-pages.js';

/** Registers; the event queue's indices where a unit without a page 1 of its own has them. */
const CR0 = 0x20;
const CR1 = 0x28;
const CR2 = 0x2c;
const IRQ_CTRL = 0x50;
const STRTAB_BASE = 0x80;
const STRTAB_BASE_CFG = 0x88;
const CMDQ_BASE = 0x90;
const CMDQ_PROD = 0x98;
const CMDQ_CONS = 0x9c;
const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0xa8;
const EVENTQ_CONS = 0xac;
const ALLOCATE = 1n << 62n;
/** 2^8 entries. */
const QUEUE_LOG2 = 8n;
/** EVENTQEN, CMDQEN, SMMUEN. */
const QUEUES_ON = 0xcn;
const ALL_ON = 0xdn;
const STREAMS_LOG2 = 9n;

const CFGI_ALL: readonly bigint[] = [0x04n, 0x1fn];
const TLBI_NSNH_ALL: readonly bigint[] = [0x30n, 0n];
const CMD_SYNC: readonly bigint[] = [0x46n, 0n];
const cfgiSte = (stream: number): readonly bigint[] => [0x03n | (BigInt(stream) << 32n), 1n];
const tlbiAsid = (asid: number): readonly bigint[] => [0x11n | (BigInt(asid) << 48n), 0n];

const STE_ABORT = 1n;
const STE_BYPASS = 9n;
const STE_STAGE1 = 0xbn;
/** Attributes of tables and queues, as Linux gives them. */
const STE_WORD1 = 0x10_0000_0000_00d4n;
const CD_EPD1 = 1n << 30n;
/** V, AA64, ASET, R, A. */
const CD_FLAGS = (1n << 31n) | (1n << 41n) | (1n << 47n) | (1n << 45n) | (1n << 46n);
const MAIR = 0xff44_0400_0000_0000n;

const TABLE = 3n;
const BLOCK = 1n;
const PAGE = 3n;
const AF = 1n << 10n;
/** Not global: QEMU knows no global entries. */
const NG = 1n << 11n;
const READ_ONLY = 3n << 6n;
const READ_WRITE = 1n << 6n;
const APTABLE_READ_ONLY = 1n << 62n;

const RAM = [{ start: 0x8000_0000n, end: 0x2_0000_0000n }] as const;
const STREAMS = [0x08, 0x10, 0x18, 0x100] as const;
const TABLES = 0x4100_0000n;

/** A granule: log2 bytes, TG0 code. */
const GRANULES = [
  { shift: 12, code: 0n },
  { shift: 14, code: 2n },
  { shift: 16, code: 1n },
] as const;

/** Context descriptors of IPS codes 0 to 5: output bits; the unit has 44. */
const OUTPUT_BITS = [32, 36, 40, 42, 44, 48] as const;

interface Space {
  readonly cd: bigint;
  readonly asid: number;
  readonly inputBits: number;
  readonly table: RadixBuilder;
  readonly granule: number;
}

/**
 * Stage 1 of all granules and sizes: streams that share or have their own contexts, aborting and bypassing streams, broken entries of every kind,
 * edits with invalidation commands behind them. Accesses are single aligned words: QEMU records one event for those.
 */
export function generateSmmuV3(seed: number): Scenario {
  const builder = new ScenarioBuilder('smmuv3', seed, TABLES);
  const { random } = builder;
  const streams = builder.table(1n << (STREAMS_LOG2 + 6n));
  const commands = builder.table();
  const events = builder.table(0x2000n);
  const space = (asid: number): Space => {
    const { shift, code } = random.pick(GRANULES);
    const inputBits = 64 - (16 + random.below(24));
    const ips = random.chance(85) ? 4 : random.below(6);
    const indexBits = shift - 3;
    const levels = Math.ceil((inputBits - shift) / indexBits);
    const entries: RadixEntries = {
      granule: shift,
      indexBits,
      table: (address) => address | (random.chance(94) ? TABLE : 0n) | (random.chance(6) ? APTABLE_READ_ONLY : 0n),
      leaf: (pa, level) => {
        const kind = level === 0 ? PAGE : BLOCK;
        const right = random.chance(70) ? READ_WRITE : READ_ONLY;
        const far = random.chance(4) ? 1n << BigInt(OUTPUT_BITS[ips]! >= 44 ? 45 : OUTPUT_BITS[ips]!) : 0n;
        return pa | far | right | AF | NG | (3n << 8n) | (random.chance(4) ? 0n : kind);
      },
    };
    const table = new RadixBuilder(builder, entries, levels);
    const cd = builder.table();
    const size = BigInt(64 - inputBits);
    const broken = random.chance(8);
    const flags = broken
      ? CD_FLAGS & ~random.pick([1n << 31n, 1n << 41n, 1n << 46n])
      : random.chance(10)
        ? CD_FLAGS & ~(1n << 45n)
        : CD_FLAGS;
    const low = size | (code << 6n) | (1n << 8n) | (1n << 10n) | (3n << 12n) | CD_EPD1 | (BigInt(ips) << 32n) | flags;
    builder.words(cd, low | (BigInt(asid) << 48n), table.root, 0n, MAIR, 0n, 0n, 0n, 0n);
    return { cd, asid, inputBits, table, granule: shift };
  };
  const grow = ({ table, inputBits, granule }: Space, pages: number): void => {
    for (let page = 0; page < pages; page++) {
      // 2 MiB and 1 GiB, 32 MiB, 512 MiB: blocks of other levels are not legal.
      const highest = granule === 12 ? 2 : 1;
      const level = Math.min(random.pick([0, 0, 0, 1, 1, 2]), highest);
      const shift = table.shiftOf(level);
      if (shift >= inputBits) continue;
      const iova = (random.bits(inputBits) >> BigInt(shift)) << BigInt(shift);
      table.map(iova, targetPage(random, shift, RAM), level);
    }
  };
  let tail = 0n;
  const command = (words: readonly bigint[]): void => {
    builder.words(commands + (tail & 0xffn) * 16n, ...words);
    tail = (tail + 1n) & 0x1ffn;
    builder.write(CMDQ_PROD, 4, tail);
  };
  builder.write(STRTAB_BASE, 8, streams | ALLOCATE);
  builder.write(STRTAB_BASE_CFG, 4, STREAMS_LOG2);
  builder.write(CMDQ_BASE, 8, commands | QUEUE_LOG2 | ALLOCATE);
  builder.write(CMDQ_PROD, 4, 0n);
  builder.write(CMDQ_CONS, 4, 0n);
  builder.write(EVENTQ_BASE, 8, events | QUEUE_LOG2 | ALLOCATE);
  builder.write(EVENTQ_PROD, 4, 0n);
  builder.write(EVENTQ_CONS, 4, 0n);
  builder.write(CR1, 4, 0xd75n);
  builder.write(CR2, 4, 2n);
  builder.write(IRQ_CTRL, 4, 5n);
  builder.write(CR0, 4, QUEUES_ON);
  for (const words of [CFGI_ALL, TLBI_NSNH_ALL, CMD_SYNC]) command(words);
  builder.write(CR0, 4, ALL_ON);
  const spaces = Array.from({ length: 1 + random.below(3) }, (_, at) => space(at + 1));
  for (const one of spaces) grow(one, 12);
  const stream = (sid: number): void => {
    const kind = random.below(20);
    const { cd } = random.pick(spaces);
    const word =
      kind === 0
        ? STE_ABORT
        : kind === 1
          ? STE_BYPASS
          : kind === 2
            ? 0n
            : kind === 3
              ? STE_STAGE1 | 0x3_0000_0000n
              : STE_STAGE1 | cd;
    builder.words(streams + BigInt(sid * 64), word, STE_WORD1, 0n, 0n, 0n, 0n, 0n, 0n);
    command(cfgiSte(sid));
  };
  for (const sid of STREAMS) stream(sid);
  const plan = new AccessPlan(builder, {
    requesters: STREAMS,
    aligned: true,
    stray: () => random.bits(random.pick([30, 39, 44, 47, 48])) & ~3n,
    isRam: (pa) => pa >= 0x4000_0000n && pa < 0x2_4000_0000n,
  });
  for (let round = 0; round < 4; round++) {
    plan.add(
      14,
      spaces.flatMap(({ table }) => table.leaves),
    );
    builder.read(EVENTQ_PROD, 4);
    builder.read(CMDQ_CONS, 4);
    const grown = random.pick(spaces);
    grow(grown, 3);
    if (random.chance(50)) stream(random.pick(STREAMS));
    const all = random.chance(50);
    command(all ? TLBI_NSNH_ALL : tlbiAsid(grown.asid));
    command(CMD_SYNC);
    if (all) plan.invalidated();
  }
  return builder.build({});
}
