import {
  hi32,
  join64,
  lo32,
  wordField,
  type CacheKind,
  type CacheQuery,
  type Range64,
  type RegisterFile,
} from '@ioasis/core';
import { Opcode, TLBI_COMMAND } from '../layouts/commands.js';
import { Register } from '../layouts/register-offsets.js';
import { CR2 } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import { commandName, worldTags, type Observation } from './observation.js';
import { EntryKind, KIND_MASK, LEVEL_MASK, STAGE2_TAG, type UnitCaches } from './unit-caches.js';

const F = {
  ASID: wordField(TLBI_COMMAND, 'ASID'),
  VMID: wordField(TLBI_COMMAND, 'VMID'),
  SCALE: wordField(TLBI_COMMAND, 'SCALE'),
  NUM: wordField(TLBI_COMMAND, 'NUM'),
  TG: wordField(TLBI_COMMAND, 'TG'),
  TTL: wordField(TLBI_COMMAND, 'TTL'),
  LEAF: wordField(TLBI_COMMAND, 'LEAF'),
};

/** World bit of tag A. */
const WORLD_EL2 = 1 << 16;
const E2H = Number(CR2.mask('E2H'));
/** TG. */
const GRANULE_16K = 2;
/** CR0.VMW. */
const VMW_SHIFT = 6;
const MOST_WILDCARDS = 4;
const LAST_ADDRESS = (1n << 64n) - 1n;
const TRANSLATIONS: readonly CacheKind[] = ['iotlb', 'paging-structure'];
const LEAVES: readonly CacheKind[] = ['iotlb'];

/** What a command tests. */
interface Scope {
  readonly world: 'EL1' | 'EL2';
  /** Feature without which the command is illegal. */
  readonly needs?: 'stage1' | 'stage2' | 'hyp';
  readonly vmid?: true;
  /** With `asid`: global entries match any ASID where an address is named, and none where it is not. */
  readonly asid?: true;
  /** Entries by input address (1: combined ones too), or those of stage 2 alone. */
  readonly stage?: 1 | 2;
  readonly ranged?: true;
}

/** The commands of IHI 0070 4.4 that a non-secure queue may hold. */
const SCOPES: Readonly<Record<number, Scope>> = {
  [Opcode.TLBI_NSNH_ALL]: { world: 'EL1' },
  [Opcode.TLBI_NH_ALL]: { world: 'EL1', needs: 'stage1', vmid: true, stage: 1 },
  [Opcode.TLBI_NH_ASID]: { world: 'EL1', needs: 'stage1', vmid: true, stage: 1, asid: true },
  [Opcode.TLBI_NH_VA]: { world: 'EL1', needs: 'stage1', vmid: true, stage: 1, asid: true, ranged: true },
  [Opcode.TLBI_NH_VAA]: { world: 'EL1', needs: 'stage1', vmid: true, stage: 1, ranged: true },
  [Opcode.TLBI_EL2_ALL]: { world: 'EL2', needs: 'hyp' },
  [Opcode.TLBI_EL2_ASID]: { world: 'EL2', needs: 'hyp', asid: true },
  [Opcode.TLBI_EL2_VA]: { world: 'EL2', needs: 'hyp', asid: true, ranged: true },
  [Opcode.TLBI_EL2_VAA]: { world: 'EL2', needs: 'hyp', ranged: true },
  [Opcode.TLBI_S12_VMALL]: { world: 'EL1', needs: 'stage2', vmid: true },
  // Combined entries are tagged with input addresses of stage 1: they stay (IHI 0070 4.4.3).
  [Opcode.TLBI_S2_IPA]: { world: 'EL1', needs: 'stage2', vmid: true, stage: 2, ranged: true },
};

/** CMD_TLBI_*: which translations go (IHI 0070 4.4). */
export class TlbInvalidation {
  readonly #caches: UnitCaches;
  readonly #capabilities: Capabilities;
  readonly #observation: Observation;
  readonly #registers: RegisterFile;

  constructor(caches: UnitCaches, capabilities: Capabilities, observation: Observation, registers: RegisterFile) {
    this.#caches = caches;
    this.#capabilities = capabilities;
    this.#observation = observation;
    this.#registers = registers;
  }

  /**
   * Runs a TLBI command.
   * @returns entries dropped, or null: the command is for a feature that this unit does not have
   */
  run(opcode: number, words: Int32Array): number | null {
    const scope = SCOPES[opcode];
    if (scope === undefined || (scope.needs !== undefined && !this.#capabilities[scope.needs])) return null;
    const range = scope.ranged === true ? this.#rangeOf(words) : undefined;
    const query = this.#queryOf(scope, words, range);
    const isLeaf = range !== undefined && F.LEAF.of(words, 0) !== 0;
    const hint = range === undefined ? 0 : this.#hintOf(words);
    if (range !== undefined && hint === 0 && this.#isReserved(words)) return null;
    let dropped: number;
    if (hint === 0) dropped = this.#caches.dropTranslations(query, !isLeaf);
    else {
      query.attributes |= hint;
      query.attributesMask |= LEVEL_MASK;
      dropped = this.#caches.tlb.invalidate(query);
      // Tables have no leaf level: a hint about leaves does not spare them.
      query.attributesMask &= KIND_MASK;
      query.attributes &= KIND_MASK;
      if (!isLeaf) dropped += this.#caches.walks.invalidate(query);
    }
    if (this.#observation.observer !== null) this.#tell(scope, words, range, isLeaf, hint, dropped);
    return dropped;
  }

  #queryOf(scope: Scope, words: Int32Array, range: Range64 | undefined): CacheQuery {
    const query = this.#caches.query.all();
    if (scope.world === 'EL2') query.withTagA(WORLD_EL2);
    else if (scope.vmid === true) query.withTagA(this.#vmidOf(words)).tagAMask = -(2 ** this.#wildcardBits());
    else query.tagAMask = WORLD_EL2;
    if (scope.stage === 2) query.withTagB(STAGE2_TAG);
    else if (scope.stage === 1) query.withAttributes(0, EntryKind.STAGE2);
    if (this.#asksAsid(scope)) query.withTagB(F.ASID.of(words, 0)).global = scope.ranged === true ? 'match' : 'keep';
    if (range !== undefined) {
      query.inRange(hi32(range.start), lo32(range.start), hi32(range.last), lo32(range.last));
    }
    return query;
  }

  /** Lower VMID bits that no command tests (IHI 0070 6.3.9, VMW); reserved values count as 0. */
  #wildcardBits(): number {
    const bits = (this.#registers.get(Register.CR0) >>> VMW_SHIFT) & 7;
    return bits > MOST_WILDCARDS ? 0 : bits;
  }

  /** EL2_VA ignores its ASID while there are none at EL2 (IHI 0070 4.4.2.8). */
  #asksAsid({ world, asid, ranged }: Scope): boolean {
    if (asid !== true || world !== 'EL2' || ranged !== true) return asid === true;
    return (this.#registers.get(Register.CR2) & E2H) !== 0;
  }

  #vmidOf(words: Int32Array): number {
    return this.#capabilities.stage2 ? F.VMID.of(words, 0) : 0;
  }

  /** A page, or with TG a range of (NUM + 1) << SCALE granules (IHI 0070 4.4.1.1). */
  #rangeOf(words: Int32Array): Range64 {
    const address = join64(words[3]!, words[2]! & ~0xfff);
    const granuleCode = this.#granuleCodeOf(words);
    if (granuleCode === 0) return { start: address, last: address | 0xfffn };
    const num = F.NUM.of(words, 0);
    const scale = F.SCALE.of(words, 0);
    const shift = 10 + 2 * granuleCode;
    const start = address & ~((1n << BigInt(shift)) - 1n);
    const last = start + ((BigInt(num) + 1n) << BigInt(scale + shift)) - 1n;
    return { start, last: last > LAST_ADDRESS ? LAST_ADDRESS : last };
  }

  /** A granule that neither a range nor a level goes with (IHI 0070 4.4.1.1). */
  #isReserved(words: Int32Array): boolean {
    if (!this.#capabilities.isVersion32) return false;
    return this.#granuleCodeOf(words) !== 0 && F.NUM.of(words, 0) === 0 && F.SCALE.of(words, 0) === 0;
  }

  #granuleCodeOf(words: Int32Array): number {
    return this.#capabilities.rangeInvalidation ? F.TG.of(words, 0) : 0;
  }

  /**
   * TTL with its granule as attributes of the leaves that go; 0: leaves of all levels. Leaves of another level are not the command's
   * matter, even when they hold addresses of the range (IHI 0070 4.4.1.1).
   */
  #hintOf(words: Int32Array): number {
    const granuleCode = this.#granuleCodeOf(words);
    const level = granuleCode === 0 ? 0 : F.TTL.of(words, 0);
    // 16K tables have no leaves at level 1: the value is reserved and counts as 0.
    return level === 0 || (granuleCode === GRANULE_16K && level === 1) ? 0 : (granuleCode << 8) | level;
  }

  #tell(
    scope: Scope,
    words: Int32Array,
    range: Range64 | undefined,
    isLeaf: boolean,
    hint: number,
    dropped: number,
  ): void {
    const hasVmid = scope.vmid === true;
    const vmids = 2 ** this.#wildcardBits();
    const first = hasVmid ? this.#vmidOf(words) & -vmids : 0;
    const { world, ...vmid } = worldTags(scope.world === 'EL2' ? WORLD_EL2 : first);
    const tags = {
      world: world!,
      ...(hasVmid && vmid),
      ...(hasVmid && vmids > 1 && { vmids }),
      ...(scope.stage !== undefined && { stage: scope.stage }),
      ...(this.#asksAsid(scope) && { asid: F.ASID.of(words, 0) }),
      ...(scope.asid === true && scope.ranged !== true && { global: 0 }),
      ...(hint !== 0 && { level: hint & 0xf, granule: 10 + 2 * (hint >>> 8) }),
    };
    this.#observation.invalidated(commandName(words), isLeaf ? LEAVES : TRANSLATIONS, tags, range, dropped);
  }
}
