import type { Scenario } from '../scenario/format.js';
import { AccessPlan } from './access-plan.js';
import { RadixBuilder, type RadixEntries } from './radix-builder.js';
import { ScenarioBuilder } from './scenario-builder.js';
import { aboveFirmware, targetPage, touchesFirmware } from './target-pages.js';

/** Registers. */
const GCMD = 0x18;
const RTADDR = 0x20;
const CCMD = 0x28;
const FSTS = 0x34;
const FRCD_F = 0x22c;
const IOTLB = 0xf8;
const SET_ROOT = 0x4000_0000n;
const TRANSLATE = 0x8000_0000n;
const CONTEXTS_GLOBAL = 0xa000_0000_0000_0000n;
const IOTLB_GLOBAL = 0x9000_0000_0000_0000n;
/** Bits of FSTS that software clears. */
const CLEAR_FAULTS = 0x11n;
const F = 0x8000_0000n;

const RAM = [
  { start: 0x4000_0000n, end: 0x8000_0000n },
  { start: 0x1_0000_0000n, end: 0x2_0000_0000n },
] as const;
const REQUESTERS = [0x18, 0x20, 0x21, 0x80, 0x100] as const;
/** Tables live here, below all targets. */
const TABLES = 0x10_0000n;

/**
 * Legacy mode: several requesters with their own or shared second stages of 3 or 4 levels, pass-through, broken entries of every kind, faults
 * that are cleared or left to collide, edits with a global invalidation behind them.
 */
export function generateVtd(seed: number): Scenario {
  const builder = new ScenarioBuilder('vtd', seed, TABLES);
  const { random } = builder;
  const width = random.pick([39, 48]);
  const passThrough = random.chance(75);
  const invalidate = (): void => {
    builder.write(CCMD, 8, CONTEXTS_GLOBAL);
    builder.write(IOTLB, 8, IOTLB_GLOBAL);
  };
  const root = builder.table();
  const contexts = new Map<number, bigint>();
  for (const bus of [0, 1]) {
    const table = builder.table();
    contexts.set(bus, table);
    // Now and then a root entry with a reserved bit, or none at all.
    const word = random.chance(93) ? table | 1n : random.pick([0n, table | 1n | ((1n << random.bits(2)) << 2n)]);
    builder.words(root + BigInt(bus * 16), word, 0n);
  }
  const entries = (): RadixEntries => ({
    granule: 12,
    indexBits: 9,
    table: (address) => address | (random.chance(88) ? 3n : random.pick([1n, 2n, 3n | (1n << 11n), 3n | (1n << 62n)])),
    leaf: (pa, level) => {
      const rights = BigInt(random.pick([3, 3, 3, 1, 2, 0]));
      const size = level > 0 ? 1n << 7n : 0n;
      const odd = random.chance(6)
        ? random.pick([1n << 8n, 1n << 11n, 1n << 52n, 1n << 62n, level > 0 ? 1n << 13n : 1n << 7n])
        : 0n;
      return pa | rights | size | odd;
    },
  });
  const levels = width === 39 ? 3 : 4;
  const domains = Array.from({ length: 1 + random.below(2) }, () => new RadixBuilder(builder, entries(), levels));
  const stray = (): bigint =>
    aboveFirmware(random.bits(random.pick([20, 32, width - 1, width, width + 2, 57, 64])) & ~3n);
  const grow = (domain: RadixBuilder, pages: number): void => {
    for (let page = 0; page < pages; page++) {
      const level = random.pick([0, 0, 0, 0, 1, 1, 2]);
      const shift = domain.shiftOf(level);
      const iova = (random.bits(width) >> BigInt(shift)) << BigInt(shift);
      // Interrupt messages are not memory; QEMU refuses every page that touches their range.
      if (iova < 0xfef0_0000n && iova + (1n << BigInt(shift)) > 0xfee0_0000n) continue;
      if (touchesFirmware(iova, shift)) continue;
      const near = domain.leaves.length > 0 && random.chance(50) ? random.pick(domain.leaves) : undefined;
      const at = near !== undefined && near.shift === shift ? near.iova + (1n << BigInt(shift)) : iova;
      if (at >> BigInt(width) === 0n) domain.map(at, targetPage(random, shift, RAM), level);
    }
  };
  for (const domain of domains) grow(domain, 12);
  const context = (rid: (typeof REQUESTERS)[number]): void => {
    const table = contexts.get(rid >> 8)!;
    const domain = random.pick(domains);
    const type = passThrough && random.chance(10) ? 2n : 0n;
    const broken = random.chance(10);
    const lo = domain.root | (type << 2n) | (random.chance(15) ? 2n : 0n) | (broken && random.chance(40) ? 0n : 1n);
    const good = BigInt(width === 39 ? 1 : 2);
    const aw = broken ? BigInt(random.below(8)) : good;
    // Entries of one domain have one width: translations are cached by domain.
    const did = broken ? BigInt(0x80 + REQUESTERS.indexOf(rid)) : BigInt(1 + domains.indexOf(domain));
    const odd = broken && random.chance(30) ? random.pick([1n << 4n, 1n << 11n, 3n << 2n, 1n << 2n]) : 0n;
    builder.words(table + BigInt((rid & 0xff) * 16), lo | odd, aw | (did << 8n));
  };
  for (const rid of REQUESTERS) if (random.chance(90)) context(rid);
  builder.write(RTADDR, 8, root);
  builder.write(GCMD, 4, SET_ROOT);
  builder.write(GCMD, 4, TRANSLATE);
  const plan = new AccessPlan(builder, {
    requesters: REQUESTERS,
    aligned: false,
    stray,
    isRam: (pa) => pa < 0x8000_0000n || (pa >= 0x1_0000_0000n && pa < 0x2_0000_0000n),
  });
  for (let round = 0; round < 4; round++) {
    for (let part = 0; part < 4; part++) {
      plan.add(
        4,
        domains.flatMap(({ leaves }) => leaves),
      );
      builder.read(FSTS, 4);
      if (random.chance(60)) {
        builder.write(FRCD_F, 4, F);
        builder.write(FSTS, 4, CLEAR_FAULTS);
        builder.read(FSTS, 4);
      }
    }
    grow(random.pick(domains), 3);
    if (random.chance(50)) context(random.pick(REQUESTERS));
    invalidate();
    plan.invalidated();
  }
  return builder.build({ aw_bits: width, pt: passThrough });
}
