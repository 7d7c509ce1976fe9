import {
  explainedWalk,
  hi32,
  join64,
  lo32,
  RequestFront,
  Translation,
  UnitCounters,
  type CarefulWalker,
  type PhysicalMemory,
  type RegisterFile,
  type TranslationWalk,
  type WalkStep,
  type WalkVisitor,
  type WordLayout,
} from '@ioasis/core';
import { FS_ENTRY, SS_LEAF_ENTRY } from '../layouts/page-table-entries.js';
import type { VtdConfiguration } from '../options.js';
import type { FaultSink } from './fault-log.js';
import type { GlobalCommand } from './global-command.js';
import { RequestPath } from './request-path.js';
import { UnitCaches } from './unit-caches.js';
import { UnitWatch } from './unit-watch.js';
import type { StructureReader } from './structure-reader.js';

/** Faults of looking are recorded nowhere. */
const mute: FaultSink = { log: () => 'disabled', record: [] };

/**
 * A second request path on the same memory and registers, without caches and without effects, that notes each entry it reads. Made
 * of the same code as the one that serves requests, so that it cannot tell another story.
 */
export class Explainer {
  readonly #path: RequestPath;
  readonly #translation = new Translation();
  #steps: WalkStep[] = [];

  constructor(
    memory: PhysicalMemory,
    configuration: VtdConfiguration,
    registers: RegisterFile,
    command: GlobalCommand,
  ) {
    const counters = new UnitCounters();
    const off = { contextEntries: 0, pasidEntries: 0, iotlbEntries: 0, pagingEntries: 0, negative: false };
    const watch = new UnitWatch();
    const caches = new UnitCaches(
      { ...configuration, caches: { ...configuration.caches, ...off } },
      counters,
      new RequestFront(this.#translation, counters),
      watch,
    );
    this.#path = new RequestPath({
      memory,
      configuration,
      caches,
      watch,
      counters,
      translation: this.#translation,
      faults: mute,
      registers,
      command,
      clock: undefined,
      isLive: false,
    });
    this.#path.reader.visitor = (layout, reader) => this.#noteStructure(layout, reader);
    this.#path.secondStage.visitor = this.#visitor('SS', SS_LEAF_ENTRY);
    this.#path.firstStage.visitor = this.#visitor('FS', FS_ENTRY);
  }

  /** What would become of a request, on the structures and tables as they are now. */
  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    this.#steps = [];
    const isAllowed = this.#path.translate(requesterId, pasid, hi32(iova), lo32(iova), access);
    return explainedWalk(this.#steps, this.#translation, isAllowed);
  }

  #noteStructure(layout: WordLayout<string>, reader: StructureReader): void {
    const words = Array.from({ length: layout.bits / 64 }, (_, at) => {
      return join64(reader.words[at * 2 + 1]!, reader.words[at * 2]!);
    });
    const whole = words.reduceRight((above, word) => (above << 64n) | word, 0n);
    const address = join64(reader.addressHi, reader.addressLo);
    this.#steps.push({ what: layout.name, address, words, fields: layout.decode(whole) });
  }

  #visitor(stage: string, layout: WordLayout<string>): WalkVisitor {
    return {
      entryRead: (walker: CarefulWalker): void => {
        const word = join64(walker.entryHi, walker.entryLo);
        this.#steps.push({
          what: `${stage}-PTE level ${walker.level + 1}`,
          address: join64(walker.entryAddressHi, walker.entryAddressLo),
          words: [word],
          fields: layout.decode(word),
        });
      },
    };
  }
}
