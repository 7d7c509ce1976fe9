import type { Scenario } from '../scenario/format.js';
import { AccessPlan } from './access-plan.js';
import { RadixBuilder, type RadixEntries } from './radix-builder.js';
import type { Random } from './random.js';
import { ScenarioBuilder } from './scenario-builder.js';
import { aboveFirmware, targetPage, touchesFirmware } from './target-pages.js';

/** Registers. */
const DEVICE_TABLE = 0x00;
const COMMANDS = 0x08;
const EVENTS = 0x10;
const CONTROL = 0x18;
const COMMAND_TAIL = 0x2008;
/** IommuEn, EventLogEn, CmdBufEn. */
const ENABLE = 0x1005n;
/** 256 entries of 16 bytes. */
const RING = 8n << 56n;
const INVALIDATE_ALL = 8n << 60n;
const INVALIDATE_PAGES = 3n << 60n;
const INVALIDATE_DEVICE = 2n << 60n;
/** Address and S of a whole domain, with PDE. */
const ALL_PAGES = 0x7fff_ffff_ffff_f003n;

const PRESENT = 1n;
const TRANSLATION_VALID = 2n;
const READ = 1n << 61n;
const WRITE = 1n << 62n;
const NEXT_LEVEL_7 = 7n << 9n;
const FORCE_COHERENT = 1n << 60n;
const BITS_PER_LEVEL = 9;
/** QEMU's cache mixes up requesters for IOVAs above. */
const IOVA_BITS = 48;
const PAGE_SHIFT = 12;

const RAM = [
  { start: 0x4000_0000n, end: 0x8000_0000n },
  { start: 0x1_0000_0000n, end: 0x2_0000_0000n },
] as const;
const REQUESTERS = [0x18, 0x20, 0x21] as const;
const TABLES = 0x10_0000n;

/** Address bits of a leaf of 2^shift bytes with next level 7: ones below the size's highest bit, which is zero. */
const sized = (pa: bigint, shift: number): bigint => pa | ((1n << BigInt(shift - 1)) - 1n - 0xfffn);

/** Entries of host tables; the sheet counts levels from 1, and an entry names the level of the table below. */
const entriesOf = (random: Random): RadixEntries => ({
  granule: PAGE_SHIFT,
  indexBits: BITS_PER_LEVEL,
  table: (address, level) => {
    const rights = random.chance(90) ? READ | WRITE : random.pick([READ, WRITE, 0n]);
    return address | (BigInt(level) << 9n) | rights | (random.chance(96) ? PRESENT : 0n);
  },
  leaf: (pa, level, shift) => {
    const rights = random.pick([READ | WRITE, READ | WRITE, READ, WRITE, 0n]);
    const word = shift === PAGE_SHIFT + BITS_PER_LEVEL * level ? pa : sized(pa, shift) | NEXT_LEVEL_7;
    return word | rights | PRESENT | (random.chance(10) ? FORCE_COHERENT : 0n);
  },
});

/**
 * Requesters with host tables of 1 to 6 levels and pages of every size, pass-through, rights in device table entries and tables, edits with
 * invalidation commands behind them.
 */
export function generateAmdVi(seed: number): Scenario {
  const builder = new ScenarioBuilder('amdvi', seed, TABLES);
  const { random } = builder;
  const devices = builder.table();
  const ring = builder.table();
  const events = builder.table();
  // QEMU does not check that an IOVA is within reach of the mode, so all requesters have one and IOVAs keep to it.
  const mode = 1 + random.below(6);
  const width = Math.min(IOVA_BITS, PAGE_SHIFT + BITS_PER_LEVEL * mode);
  const domains = Array.from({ length: 1 + random.below(2) }, () => new RadixBuilder(builder, entriesOf(random), mode));
  const grow = (table: RadixBuilder, pages: number): void => {
    for (let page = 0; page < pages; page++) {
      const level = Math.min(random.pick([0, 0, 0, 1, 1, 2]), mode - 1);
      const natural = table.shiftOf(level);
      const shift = random.chance(60) || natural >= 30 ? natural : natural + random.below(BITS_PER_LEVEL - 1);
      const iova = (random.bits(width) >> BigInt(shift)) << BigInt(shift);
      // Reserved for interrupts.
      if (iova < 0xfef0_0000n && iova + (1n << BigInt(shift)) > 0xfee0_0000n) continue;
      if (touchesFirmware(iova, shift)) continue;
      table.map(iova, targetPage(random, shift, RAM), level, shift);
    }
  };
  for (const domain of domains) grow(domain, 12);
  const entry = (rid: number): void => {
    const domain = random.pick(domains);
    const rights = random.chance(85) ? READ | WRITE : random.pick([READ, WRITE, 0n]);
    const kind = random.below(20);
    const itsMode = kind === 0 ? 0 : mode;
    const valid = kind === 1 ? 0n : kind === 2 ? 1n : PRESENT | TRANSLATION_VALID;
    const root = itsMode === 0 ? 0n : domain.root;
    builder.words(
      devices + BigInt(rid * 32),
      root | (BigInt(itsMode) << 9n) | rights | valid,
      BigInt(1 + domains.indexOf(domain)),
      0n,
      0n,
    );
  };
  for (const rid of REQUESTERS) entry(rid);
  builder.write(DEVICE_TABLE, 8, devices);
  builder.write(COMMANDS, 8, ring | RING);
  builder.write(EVENTS, 8, events | RING);
  builder.write(CONTROL, 8, ENABLE);
  let tail = 0;
  const command = (lo: bigint, hi: bigint): void => {
    builder.words(ring + BigInt(tail * 16), lo, hi);
    tail = (tail + 1) & 0xff;
    builder.write(COMMAND_TAIL, 4, BigInt(tail * 16));
  };
  const invalidate = (): void => {
    for (const rid of REQUESTERS) command(INVALIDATE_DEVICE | BigInt(rid), 0n);
    if (random.chance(50)) command(INVALIDATE_ALL, 0n);
    else domains.forEach((_, at) => command(INVALIDATE_PAGES | (BigInt(at + 1) << 32n), ALL_PAGES));
  };
  const plan = new AccessPlan(builder, {
    requesters: REQUESTERS,
    aligned: false,
    // Above 2^48 the machine's own address map answers.
    stray: () => aboveFirmware(random.bits(Math.min(random.pick([20, 32, 39, 47]), width)) & ~3n),
    isRam: (pa) => pa < 0x8000_0000n || (pa >= 0x1_0000_0000n && pa < 0x2_0000_0000n),
  });
  for (let round = 0; round < 4; round++) {
    plan.add(
      14,
      domains.flatMap(({ leaves }) => leaves),
    );
    grow(random.pick(domains), 3);
    if (random.chance(50)) entry(random.pick(REQUESTERS));
    invalidate();
    plan.invalidated();
  }
  return builder.build({});
}
