import {
  Access,
  hi32,
  lo32,
  type CacheFill,
  type PhysicalMemory,
  type Range64,
  type TranslationWalk,
  type WalkStep,
} from '@ioasis/core';
import type { EventOf } from '../log/index.js';
import { isInTable, stepGroup, stepsBehind } from './step-group.js';

/** An entry that a unit or a device may hold: it was filled, and no invalidation since had to drop it after the tables changed. */
export class CachedEntry {
  readonly fill: CacheFill;
  readonly filledAt: number;
  readonly filledBy: EventOf<'dma'>;
  readonly walk: TranslationWalk;
  /** Steps that it was made from. */
  readonly steps: readonly WalkStep[];
  /** The first write of software that changed one of them. */
  changedBy: EventOf<'write'> | undefined;
  /** The first invalidation that named it while it was true: from then on hardware may have it or not. */
  droppedBy: EventOf<'invalidation'> | undefined;

  /** @param walk the tables as they were when it was filled */
  constructor(fill: EventOf<'fill'>, filledBy: EventOf<'dma'>, walk: TranslationWalk) {
    this.fill = fill.fill;
    this.filledAt = fill.step;
    this.filledBy = filledBy;
    this.walk = walk;
    this.steps = stepsBehind(fill.fill, walk);
  }

  /** What makes two entries the same one: a newer fill takes its place. */
  get key(): string {
    const { cache, tags, range } = this.fill;
    return `${cache} ${JSON.stringify(tags)} ${range?.start} ${range?.last}`;
  }

  /** Whether it has an answer for an address. */
  answers(iova: bigint): boolean {
    const { range } = this.fill;
    return range === undefined || (iova >= range.start && iova <= range.last);
  }

  /** The address that it gives; undefined for "not present", and for what is not a translation. */
  target(iova: bigint): bigint | undefined {
    const { cache, range, pa } = this.fill;
    const isTranslation = (cache === 'iotlb' || cache === 'device-tlb') && this.walk.pa !== undefined;
    return isTranslation && range !== undefined && pa !== undefined ? pa + (iova - range.start) : undefined;
  }

  /** A request that needs all rights that it had. */
  get fullAccess(): number {
    const { readable, writable } = this.walk;
    return this.filledBy.access | (readable ? Access.READ : 0) | (writable ? Access.WRITE : 0);
  }

  /** Whether a unit goes from it to a table, of which one frame is asked for: a link does, and a structure goes to its root. */
  leadsInto({ start, last }: Range64): boolean {
    const { cache, pa } = this.fill;
    const isIn = (address: bigint): boolean => address >= start && address <= last;
    if (cache === 'paging-structure') return pa !== undefined && isIn(pa);
    const own = this.steps.at(-1);
    const next = this.walk.steps[own === undefined ? -1 : this.walk.steps.indexOf(own) + 1];
    return cache === 'structure' && next !== undefined && stepGroup(next) === 'table' && isIn(next.address);
  }

  /** Whether the tables as they are now would fill it again. @param now the walk of a request with {@link fullAccess} */
  isTrueOf(now: TranslationWalk): boolean {
    const { cache, pa } = this.fill;
    if (cache === 'structure') return sameSteps(this.steps, now.steps);
    if (cache === 'paging-structure') return pa === undefined || now.steps.some((step) => isInTable(step.address, pa));
    const { walk } = this;
    if (walk.pa === undefined || now.pa === undefined) return walk.pa === now.pa;
    return now.pa === walk.pa && now.readable >= walk.readable && now.writable >= walk.writable;
  }

  /** Whether its requester still comes to the same tables. A structure is always asked for by its requester. */
  isReachable(now: TranslationWalk): boolean {
    if (this.fill.cache === 'structure') return true;
    const structures = ({ steps }: TranslationWalk): WalkStep[] => steps.filter((step) => stepGroup(step) !== 'table');
    return sameSteps(structures(this.walk), structures(now));
  }
}

/** Whether the entries of all steps are still what they were. */
function sameSteps(before: readonly WalkStep[], now: readonly WalkStep[]): boolean {
  return before.every((step) =>
    now.some(
      ({ address, words }) => address === step.address && step.words.every((word, index) => words[index] === word),
    ),
  );
}

/** A 64-bit word of a step that memory no longer has. */
export interface LostWord {
  readonly step: WalkStep;
  readonly address: bigint;
}

/** Words of steps that were changed since. */
export function changedWords(steps: readonly WalkStep[], memory: PhysicalMemory): readonly LostWord[] {
  return steps.flatMap((step) =>
    step.words.flatMap((word, index) => {
      const address = step.address + BigInt(index * 8);
      memory.load64(hi32(address), lo32(address));
      const now = (BigInt(memory.loadedHi >>> 0) << 32n) | BigInt(memory.loadedLo >>> 0);
      return now === word ? [] : [{ step, address }];
    }),
  );
}
