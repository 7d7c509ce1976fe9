import {
  frameAddress,
  join64,
  NO_PASID,
  type CacheKind,
  type CacheTags,
  type CarefulWalker,
  type HardwareFault,
  type Range64,
  type UnitObserver,
} from '@ioasis/core';
import { Opcode } from '../layouts/commands.js';
import type { Request } from './request.js';
import { EntryKind, KIND_MASK, STAGE2_TAG } from './unit-caches.js';

/** Whose address space an entry belongs to, as observers see it: 1 EL1 (with a VMID), 2 EL2 (without). */
const WORLD_SHIFT = 16;
const VMID_MASK = 0xffff;
const WORLD_EL1 = 1;
const WORLD_EL2 = 2;
const LAST_ADDRESS = (1n << 64n) - 1n;

const names = new Map<number, string>(Object.entries(Opcode).map(([name, opcode]) => [opcode, name]));
const ALL_STREAMS = 31;

/** The datasheet's name of a command without `CMD_`; CFGI_STE_RANGE of all streams is CFGI_ALL. An unknown opcode is a number. */
export function commandName(words: ArrayLike<number>): string {
  const opcode = words[0]! & 0xff;
  if (opcode === Opcode.CFGI_STE_RANGE && (words[2]! & ALL_STREAMS) === ALL_STREAMS) return 'CFGI_ALL';
  return names.get(opcode) ?? `0x${opcode.toString(16).padStart(2, '0')}`;
}

/** `world` and, where there are VMIDs, `vmid`. @param tagA tag A of the caches: VMID [15:0], EL2 [16] */
export function worldTags(tagA: number): Record<string, number> {
  return tagA >>> WORLD_SHIFT === 0 ? { world: WORLD_EL1, vmid: tagA & VMID_MASK } : { world: WORLD_EL2 };
}

/**
 * Tells an observer what the unit does, in its terms. An entry of the TLB has the tags `world` (1 EL1, 2 EL2), `vmid`, `asid` (stage 1,
 * not global), `stage` (1: by input address, combined entries too; 2: stage 2 alone, by IPA), `global`, `level` and `granule` (log2 bytes)
 * of its leaf; a link `world`, `vmid`, `asid` and `stage`; an STE `stream`, a CD `stream` and `ssid`. Every command names those that it
 * tests, so that equal tags and an overlapping range say which entries go.
 */
export class Observation {
  observer: UnitObserver | null = null;
  readonly #request: Request;

  constructor(request: Request) {
    this.#request = request;
  }

  executing(words: ArrayLike<number>): void {
    this.observer?.executing(commandName(words), words);
  }

  faulted(fault: HardwareFault): void {
    this.observer?.faulted(fault);
  }

  streamKept(): void {
    if (this.observer === null) return;
    this.#filled('structure', { stream: this.#request.streamId >>> 0 }, undefined, undefined);
  }

  /** A request without substream uses the descriptor of substream 0. */
  contextKept(): void {
    if (this.observer === null) return;
    const { streamId, substreamId } = this.#request;
    const ssid = substreamId === NO_PASID ? 0 : substreamId;
    this.#filled('structure', { stream: streamId >>> 0, ssid }, undefined, undefined);
  }

  /** @param attributes as given to the TLB */
  translationKept(
    hi: number,
    lo: number,
    pageShift: number,
    tagA: number,
    tagB: number,
    paHi: number,
    paLo: number,
    attributes: number,
    isGlobal: boolean,
  ): void {
    if (this.observer === null) return;
    const tags = {
      ...stageTags(tagA, tagB, isGlobal, (attributes & KIND_MASK) === EntryKind.STAGE2),
      global: Number(isGlobal),
      level: attributes & 0xf,
      granule: 10 + 2 * ((attributes >>> 8) & 3),
    };
    const mask = (1n << BigInt(pageShift)) - 1n;
    this.#filled('iotlb', tags, rangeOf(join64(hi, lo), pageShift), join64(paHi, paLo) & ~mask);
  }

  /** The tables below the root that a watched walk went through. */
  pathKept(walker: CarefulWalker, hi: number, lo: number, tagA: number, tagB: number): void {
    if (this.observer === null) return;
    walker.format.levels.forEach(({ shift, indexBits }, level) => {
      const frame = walker.pathTable[level]!;
      if (frame < 0) return;
      const tags = { ...stageTags(tagA, tagB, false, false), global: 0 };
      this.#filled('paging-structure', tags, rangeOf(join64(hi, lo), shift + indexBits), frameAddress(frame));
    });
  }

  /** A device got an answer to its translation request, which it may keep. */
  answerKept(pageShift: number, paHi: number, paLo: number): void {
    if (this.observer === null) return;
    const { streamId, substreamId, iovaHi, iovaLo } = this.#request;
    const tags = { stream: streamId >>> 0, ...(substreamId !== NO_PASID && { ssid: substreamId }) };
    const mask = (1n << BigInt(pageShift)) - 1n;
    this.#filled('device-tlb', tags, rangeOf(join64(iovaHi, iovaLo), pageShift), join64(paHi, paLo) & ~mask);
  }

  invalidated(
    command: string,
    caches: readonly CacheKind[],
    tags: CacheTags,
    range: Range64 | undefined,
    dropped: number,
  ): void {
    this.observer?.invalidated({ command, caches, tags, range, dropped });
  }

  #filled(cache: CacheKind, tags: CacheTags, range: Range64 | undefined, pa: bigint | undefined): void {
    const { streamId, substreamId } = this.#request;
    this.observer?.filled({ cache, requesterId: streamId, pasid: substreamId, tags, range, pa });
  }
}

function stageTags(tagA: number, tagB: number, isGlobal: boolean, isStage2: boolean): Record<string, number> {
  if (isStage2 || tagB === STAGE2_TAG) return { ...worldTags(tagA), stage: 2 };
  return { ...worldTags(tagA), stage: 1, ...(!isGlobal && { asid: tagB }) };
}

/** The aligned 2^shift bytes that hold an address. */
function rangeOf(address: bigint, shift: number): Range64 {
  const mask = (1n << BigInt(shift)) - 1n;
  return { start: address & ~mask & LAST_ADDRESS, last: address | mask };
}
