import { RadixWalker, type PageTableFormat, type PhysicalMemory, type WalkVisitor } from '@ioasis/core';
import type { GranuleShift } from '../format/granule.js';
import { stage1Format } from '../format/stage1.js';
import { stage2Format } from '../format/stage2.js';
import type { Capabilities } from './capabilities.js';

/** How a context treats accessed and dirty state. */
export interface FlagBehaviour {
  readonly accessed: 'ignore' | 'fault' | 'set';
  readonly dirty: boolean;
}

/** Walkers by what contexts ask for: a walker is reused by all contexts of its kind. */
export class StageWalkers {
  readonly #memory: PhysicalMemory;
  readonly #wide: boolean;
  readonly #coherent: boolean;
  /** Told of every entry that walks read, when set. */
  readonly #visitor: ((stage: 1 | 2) => WalkVisitor) | null;
  readonly #isLive: boolean;
  readonly #walkers = new Map<string, RadixWalker>();

  /** @param isLive false: walks change nothing. Accessed flags and dirty state that hardware would set count as they are */
  constructor(
    memory: PhysicalMemory,
    capabilities: Capabilities,
    isLive: boolean,
    visitor: ((stage: 1 | 2) => WalkVisitor) | null = null,
  ) {
    this.#memory = memory;
    this.#wide = capabilities.outputBits === 52;
    this.#coherent = capabilities.coherent;
    this.#isLive = isLive;
    this.#visitor = visitor;
  }

  stage1(
    granule: GranuleShift,
    hierarchyDisabled: boolean,
    singlePrivilege: boolean,
    flags: FlagBehaviour,
  ): RadixWalker {
    const key = `1 ${granule} ${hierarchyDisabled} ${singlePrivilege}`;
    return this.#walker(1, key, flags, () =>
      stage1Format({ granule, wide: this.#wide, hierarchyDisabled, singlePrivilege }),
    );
  }

  stage2(granule: GranuleShift, flags: FlagBehaviour): RadixWalker {
    return this.#walker(2, `2 ${granule}`, flags, () => stage2Format({ granule, wide: this.#wide }));
  }

  #walker(stage: 1 | 2, kind: string, flags: FlagBehaviour, format: () => PageTableFormat): RadixWalker {
    const key = `${kind} ${flags.accessed} ${flags.dirty}`;
    let walker = this.#walkers.get(key);
    if (walker === undefined) {
      walker = new RadixWalker({
        memory: this.#memory,
        format: format(),
        accessed: flags.accessed,
        setDirty: flags.dirty,
        readOnly: !this.#isLive,
        coherent: this.#coherent,
      });
      if (this.#visitor !== null) {
        walker.isWatched = true;
        walker.visitor = this.#visitor(stage);
      }
      this.#walkers.set(key, walker);
    }
    return walker;
  }
}
