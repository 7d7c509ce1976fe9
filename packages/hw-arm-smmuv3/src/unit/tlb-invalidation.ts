import { hi32, join64, lo32, wordField, type CacheQuery } from '@ioasis/core';
import { Opcode, TLBI_COMMAND } from '../layouts/commands.js';
import type { Capabilities } from './capabilities.js';
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

/** CMD_TLBI_*: which translations go (IHI 0070 4.4). */
export class TlbInvalidation {
  readonly #caches: UnitCaches;
  readonly #capabilities: Capabilities;

  constructor(caches: UnitCaches, capabilities: Capabilities) {
    this.#caches = caches;
    this.#capabilities = capabilities;
  }

  /**
   * Runs a TLBI command.
   * @returns entries dropped, or null: the command is for a feature that this unit does not have
   */
  run(opcode: number, words: Int32Array): number | null {
    const capabilities = this.#capabilities;
    const caches = this.#caches;
    const query = caches.query.all();
    const vmid = capabilities.stage2 ? F.VMID.of(words, 0) : 0;
    switch (opcode) {
      case Opcode.TLBI_NSNH_ALL:
        query.tagAMask = WORLD_EL2;
        return caches.dropTranslations(query, true);
      case Opcode.TLBI_NH_ALL:
        return caches.dropTranslations(this.#stage1(query.withTagA(vmid)), true);
      case Opcode.TLBI_NH_ASID:
        query.withTagA(vmid).withTagB(F.ASID.of(words, 0)).global = 'keep';
        return caches.dropTranslations(query, true);
      case Opcode.TLBI_NH_VA:
        return this.#ranged(query.withTagA(vmid).withTagB(F.ASID.of(words, 0)), words);
      case Opcode.TLBI_NH_VAA:
        return this.#ranged(this.#stage1(query.withTagA(vmid)), words);
      case Opcode.TLBI_EL2_ALL:
        return capabilities.hyp ? caches.dropTranslations(query.withTagA(WORLD_EL2), true) : null;
      case Opcode.TLBI_EL2_ASID:
        if (!capabilities.hyp) return null;
        query.withTagA(WORLD_EL2).withTagB(F.ASID.of(words, 0)).global = 'keep';
        return caches.dropTranslations(query, true);
      case Opcode.TLBI_EL2_VA:
        return capabilities.hyp ? this.#ranged(query.withTagA(WORLD_EL2).withTagB(F.ASID.of(words, 0)), words) : null;
      case Opcode.TLBI_EL2_VAA:
        return capabilities.hyp ? this.#ranged(query.withTagA(WORLD_EL2), words) : null;
      case Opcode.TLBI_S12_VMALL:
        return capabilities.stage2 ? caches.dropTranslations(query.withTagA(vmid), true) : null;
      case Opcode.TLBI_S2_IPA:
        // Only what came from stage 2 alone: combined entries are tagged with input addresses of stage 1 and stay.
        return capabilities.stage2 ? this.#ranged(query.withTagA(vmid).withTagB(STAGE2_TAG), words) : null;
      default:
        return null;
    }
  }

  /** Not the entries of stage 2 alone. */
  #stage1(query: CacheQuery): CacheQuery {
    return query.withAttributes(0, EntryKind.STAGE2);
  }

  /** A page, or with TG a range of (NUM + 1) << SCALE granules; TTL narrows it to leaves of one level (IHI 0070 4.4.1). */
  #ranged(query: CacheQuery, words: Int32Array): number {
    const granuleCode = this.#capabilities.rangeInvalidation ? F.TG.of(words, 0) : 0;
    const hi = words[3]!;
    const lo = words[2]! & ~0xfff;
    const isLeaf = F.LEAF.of(words, 0) !== 0;
    if (granuleCode === 0) {
      return this.#drop(query.inRange(hi, lo, hi, lo | 0xfff), isLeaf);
    }
    const shift = 10 + 2 * granuleCode;
    const bytes = (BigInt(F.NUM.of(words, 0)) + 1n) << BigInt(F.SCALE.of(words, 0) + shift);
    const start = join64(hi, lo) & ~((1n << BigInt(shift)) - 1n);
    const end = start + bytes - 1n;
    const last = end > 0xffff_ffff_ffff_ffffn ? 0xffff_ffff_ffff_ffffn : end;
    query.inRange(hi32(start), lo32(start), hi32(last), lo32(last));
    const ttl = F.TTL.of(words, 0);
    if (ttl === 0) return this.#drop(query, isLeaf);
    query.attributes |= (granuleCode << 8) | ttl;
    query.attributesMask |= LEVEL_MASK;
    const dropped = this.#caches.tlb.invalidate(query);
    // Tables have no leaf level: a hint about leaves does not spare them.
    if (isLeaf) return dropped;
    query.attributesMask &= KIND_MASK;
    query.attributes &= KIND_MASK;
    return dropped + this.#caches.walks.invalidate(query);
  }

  #drop(query: CacheQuery, isLeaf: boolean): number {
    return this.#caches.dropTranslations(query, !isLeaf);
  }
}
