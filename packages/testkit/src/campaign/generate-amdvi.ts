import type { Scenario } from '../scenario/format.js';
import { AccessPlan } from './access-plan.js';
import type { GeneratedLeaf } from './radix-builder.js';
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

/** One host table: levels are numbered from 1, as the sheet does. */
class HostTable {
  readonly root: bigint;
  readonly leaves: GeneratedLeaf[] = [];
  readonly #builder: ScenarioBuilder;
  readonly #mode: number;
  readonly #tables = new Map<string, bigint>();
  readonly #used = new Set<bigint>();

  constructor(builder: ScenarioBuilder, mode: number) {
    this.#builder = builder;
    this.#mode = mode;
    this.root = builder.table();
  }

  shiftOf(level: number): number {
    return PAGE_SHIFT + BITS_PER_LEVEL * (level - 1);
  }

  /** Maps 2^shift bytes at an aligned IOVA by entries of `level`. */
  map(iova: bigint, pa: bigint, level: number, shift: number): void {
    const { random } = this.#builder;
    const natural = this.shiftOf(level);
    const first = this.#entry(iova, level);
    if (first === undefined) return;
    const count = 1 << (shift - natural);
    const addresses = Array.from({ length: count }, (_, at) => first + BigInt(at * 8));
    if (addresses.some((address) => this.#used.has(address))) return;
    for (const address of addresses) this.#used.add(address);
    const rights = random.pick([READ | WRITE, READ | WRITE, READ, WRITE, 0n]);
    // Level 1 ends with next level 0 or 7; higher levels with 0 for their natural size.
    const word = shift === natural ? pa : sized(pa, shift) | (7n << 9n);
    const words = addresses.map(() => word | rights | PRESENT | (random.chance(10) ? 1n << 60n : 0n));
    this.#builder.words(first, ...words);
    this.leaves.push({ iova, shift, pa });
  }

  #entry(iova: bigint, level: number): bigint | undefined {
    let table = this.root;
    for (let at = this.#mode; at > level; at--) {
      const address = this.#address(table, iova, at);
      const key = `${at}:${iova >> BigInt(this.shiftOf(at))}`;
      let next = this.#tables.get(key);
      if (next === undefined) {
        if (this.#used.has(address)) return undefined;
        next = this.#builder.table();
        this.#tables.set(key, next);
        this.#used.add(address);
        const { random } = this.#builder;
        const rights = random.chance(90) ? READ | WRITE : random.pick([READ, WRITE, 0n]);
        const present = random.chance(96) ? PRESENT : 0n;
        this.#builder.words(address, next | (BigInt(at - 1) << 9n) | rights | present);
      }
      table = next;
    }
    return this.#address(table, iova, level);
  }

  #address(table: bigint, iova: bigint, level: number): bigint {
    return table + (((iova >> BigInt(this.shiftOf(level))) & 0x1ffn) << 3n);
  }
}

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
  const domains = Array.from({ length: 1 + random.below(2) }, () => new HostTable(builder, mode));
  const grow = (table: HostTable, pages: number): void => {
    for (let page = 0; page < pages; page++) {
      const level = Math.min(random.pick([1, 1, 1, 2, 2, 3]), mode);
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
