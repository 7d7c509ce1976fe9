import { Access, hex, NO_PASID } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CD_FLAG, SmmuRig, STE_FLAG } from './rig.js';

/*
 * Random tables, walked by the unit and by the plainest reading of DDI 0487 D8 there is: one descriptor after the other, on bigints.
 */

const STREAM = 0x10;
const { READ, WRITE, EXECUTE, PRIVILEGED } = Access;
const HOLE = 0x8000_0000n;

interface Regime {
  readonly stage: 1 | 2;
  readonly granule: 12 | 14 | 16;
  readonly inputBits: number;
  readonly outputBits: 36 | 48;
  readonly hierarchyDisabled: boolean;
  readonly writeExecuteNever: boolean;
  readonly accessed: 'fault' | 'ignore' | 'set';
  readonly dirty: boolean;
}

const TG0 = { 12: 0n, 14: 2n, 16: 1n } as const;
const bit = (word: bigint, at: number): boolean => ((word >> BigInt(at)) & 1n) === 1n;
const startLevelOf = ({ granule, inputBits }: Regime): number => 4 - Math.ceil((inputBits - granule) / (granule - 3));
const hasBlock = ({ granule }: Regime, level: number): boolean => level === 2 || (level === 1 && granule === 12);

/** What the architecture says about one access: an address, or the event. Nothing is changed. */
function reference(rig: SmmuRig, regime: Regime, root: bigint, iova: bigint, access: number): string {
  const { granule, inputBits, outputBits } = regime;
  // Without stage 1 the unit's own width comes first.
  if (regime.stage === 2 && iova >> 48n !== 0n) return 'F_ADDR_SIZE';
  if (iova >> BigInt(inputBits) !== 0n) return 'F_TRANSLATION';
  let [noWrite, noUser, noExecute, noPrivilegedExecute] = [false, false, false, false];
  let table = root;
  for (let level = startLevelOf(regime); ; level++) {
    const shift = BigInt(granule + (3 - level) * (granule - 3));
    const isTop = level === startLevelOf(regime);
    const index = isTop ? iova >> shift : (iova >> shift) & ((1n << BigInt(granule - 3)) - 1n);
    const at = table + index * 8n;
    if ((at >= HOLE && at < 0x1_0000_0000n) || at >= 0x2_0000_0000n) return 'F_WALK_EABT';
    const descriptor = rig.load(at);
    if (!bit(descriptor, 0)) return 'F_TRANSLATION';
    const isLink = level < 3 && bit(descriptor, 1);
    const isLeaf = level === 3 ? bit(descriptor, 1) : !isLink && hasBlock(regime, level);
    if (!isLink && !isLeaf) return 'F_TRANSLATION';
    const address = descriptor & 0xffff_ffff_ffffn & ~((1n << BigInt(granule)) - 1n);
    if (address >> BigInt(outputBits) !== 0n) return 'F_ADDR_SIZE';
    if (isLink) {
      if (regime.stage === 1 && !regime.hierarchyDisabled) {
        noWrite ||= bit(descriptor, 62);
        noUser ||= bit(descriptor, 61);
        noExecute ||= bit(descriptor, 60);
        noPrivilegedExecute ||= bit(descriptor, 59);
      }
      table = address;
      continue;
    }
    if (!bit(descriptor, 10) && regime.accessed === 'fault') return 'F_ACCESS';
    const isClean = regime.dirty && bit(descriptor, 51);
    const isAllowed =
      regime.stage === 2
        ? stage2Allows(descriptor, isClean, access)
        : stage1Allows(descriptor, isClean, access, regime, { noWrite, noUser, noExecute, noPrivilegedExecute });
    if (!isAllowed) return 'F_PERMISSION';
    const offset = (1n << shift) - 1n;
    return hex((address & ~offset) | (iova & offset));
  }
}

function stage2Allows(descriptor: bigint, isClean: boolean, access: number): boolean {
  const canWrite = bit(descriptor, 7) || isClean;
  return (
    ((access & (READ | EXECUTE)) !== READ || bit(descriptor, 6)) &&
    ((access & WRITE) === 0 || canWrite) &&
    ((access & EXECUTE) === 0 || !bit(descriptor, 54))
  );
}

function stage1Allows(
  descriptor: bigint,
  isClean: boolean,
  access: number,
  regime: Regime,
  above: { noWrite: boolean; noUser: boolean; noExecute: boolean; noPrivilegedExecute: boolean },
): boolean {
  const isPrivileged = (access & PRIVILEGED) !== 0;
  const isForUsers = bit(descriptor, 6) && !above.noUser;
  if (!isPrivileged && !isForUsers) return false;
  const canWrite = !above.noWrite && (!bit(descriptor, 7) || (isClean && (access & WRITE) !== 0));
  if ((access & WRITE) !== 0 && !canWrite) return false;
  const never = isPrivileged
    ? bit(descriptor, 53) || above.noPrivilegedExecute || (isForUsers && canWrite)
    : bit(descriptor, 54) || above.noExecute;
  return (access & EXECUTE) === 0 || !(never || (regime.writeExecuteNever && canWrite));
}

const regime: fc.Arbitrary<Regime> = fc
  .record({
    stage: fc.constantFrom(1 as const, 2 as const),
    granule: fc.constantFrom(12 as const, 14 as const, 16 as const),
    inputBits: fc.constantFrom(48, 40, 36, 31),
    outputBits: fc.constantFrom(36 as const, 48 as const),
    hierarchyDisabled: fc.boolean(),
    writeExecuteNever: fc.boolean(),
    accessed: fc.constantFrom('fault' as const, 'ignore' as const, 'set' as const),
    dirty: fc.boolean(),
  })
  .map((made) => ({ ...made, dirty: made.dirty && made.accessed === 'set' }));

/** What becomes of the entries with index 0 and 1 of each table, in the order in which tables are made. */
const kinds = fc.array(
  fc.record({
    kind: fc.constantFrom('link', 'link', 'link', 'link', 'leaf', 'leaf', 'invalid', 'wide', 'hole', 'odd'),
    bits: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  }),
  { minLength: 40, maxLength: 40 },
);

/** Attribute bits of a leaf, and of a link: the address and the kind are given. Contiguous stays clear: runs are another test's matter. */
const LEAF_BITS = 0x0068_0000_0000_0ffcn;
const LINK_BITS = 0xf800_0000_0000_0ffcn;

function build(rig: SmmuRig, of: Regime, entries: readonly { kind: string; bits: bigint }[]): bigint {
  const { granule } = of;
  let used = 0;
  const fill = (level: number, table: bigint): void => {
    for (const index of [0n, 1n]) {
      const { kind, bits } = entries[used++ % entries.length]!;
      const shift = granule + (3 - level) * (granule - 3);
      let entry = 0n;
      if (kind === 'wide') entry = (bits & LEAF_BITS) | (1n << 44n) | 3n;
      else if (kind === 'hole' && level < 3) entry = (bits & LINK_BITS) | HOLE | 3n;
      else if (kind === 'odd') entry = (bits & LEAF_BITS) | 1n;
      else if (kind === 'link' && level < 3 && used < 60) {
        const below = rig.page(granule);
        entry = (bits & LINK_BITS) | below | 3n;
        fill(level + 1, below);
      } else if (kind !== 'invalid') {
        const target = (0x1_0000_0000n + (bits & 0xff00_0000n)) & ~((1n << BigInt(Math.min(shift, 36))) - 1n);
        entry = (bits & LEAF_BITS) | target | (level === 3 ? 3n : 1n);
        // Most leaves are usable.
        if (bit(bits, 60)) entry |= 0x4c0n & (of.stage === 1 ? 0x440n : -1n);
      }
      rig.store(table + index * 8n, entry);
    }
  };
  const root = rig.page(16);
  fill(startLevelOf(of), root);
  return root;
}

/** Addresses with indexes 0 and 1, and some beyond. */
function* addresses(of: Regime): Generator<bigint> {
  const levels = 4 - startLevelOf(of);
  for (let choice = 0; choice < 1 << levels; choice++) {
    let iova = 0x238n;
    for (let level = 0; level < levels; level++) {
      if (((choice >> level) & 1) !== 0) iova |= 1n << BigInt(of.granule + level * (of.granule - 3));
    }
    yield iova;
  }
  yield 1n << BigInt(of.inputBits);
}

const ACCESSES = [READ, WRITE, READ | EXECUTE, READ | PRIVILEGED, WRITE | PRIVILEGED, READ | EXECUTE | PRIVILEGED];

/** Programs the stream as the regime says. */
function program(rig: SmmuRig, of: Regime, root: bigint): void {
  const { granule, inputBits, outputBits, accessed, dirty } = of;
  const size = BigInt(64 - inputBits);
  const code = outputBits === 36 ? 1n : 5n;
  if (of.stage === 2) {
    const start = startLevelOf(of);
    const q2 =
      STE_FLAG.S2R |
      (accessed === 'set' ? STE_FLAG.S2HA : accessed === 'ignore' ? STE_FLAG.S2AFFD : 0n) |
      (dirty ? STE_FLAG.S2HD : 0n);
    const s2sl0 = BigInt((granule === 12 ? 2 : 3) - start);
    rig.ste(STREAM, { config: 6n, s2ttb: root, s2t0sz: size, s2sl0, s2tg: TG0[granule], s2ps: code, q2 });
    return;
  }
  const flags =
    CD_FLAG.R |
    CD_FLAG.A |
    (accessed === 'set' ? CD_FLAG.HA : accessed === 'ignore' ? CD_FLAG.AFFD : 0n) |
    (dirty ? CD_FLAG.HD : 0n) |
    (of.writeExecuteNever ? CD_FLAG.WXN : 0n);
  const cd = rig.page();
  rig.cd(cd, { ttb0: root | (of.hierarchyDisabled ? 2n : 0n), t0sz: size, tg0: TG0[granule], ips: code, flags });
  rig.ste(STREAM, { cd });
}

describe('random tables', () => {
  it.each([false, true])('are walked as the architecture says (caches %s)', (caches) => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(regime, kinds, (of, entries) => {
        const rig = new SmmuRig({ caches });
        const root = build(rig, of, entries);
        program(rig, of, root);
        rig.enable();
        for (const iova of addresses(of)) {
          for (const access of ACCESSES) {
            // The unit may set flags: the reference looks first, and what was cached belongs to the tables before.
            rig.submit([0x30n]);
            const expected = reference(rig, of, root, iova, access);
            const { pa, fault } = rig.unit.explain(STREAM, NO_PASID, iova, access);
            expect(pa === undefined ? fault?.name : hex(pa), 'explained').toBe(expected);
            expect(rig.ask(STREAM, iova, access)).toBe(expected);
            const kind = expected.startsWith('0x') ? 'ok' : expected;
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
        }
      }),
      { numRuns: 20, seed: 77 },
    );
    // All outcomes were met, each more than once.
    const events = ['F_ACCESS', 'F_ADDR_SIZE', 'F_PERMISSION', 'F_TRANSLATION', 'F_WALK_EABT', 'ok'];
    expect([...seen.keys()].toSorted()).toEqual(events);
    expect(Math.min(...seen.values())).toBeGreaterThan(20);
  });
});
