import {
  explainedWalk,
  hi32,
  join64,
  lo32,
  Translation,
  UnitCounters,
  type CarefulWalker,
  type TranslationWalk,
  type WalkStep,
  type WalkVisitor,
  type WordLayout,
} from '@ioasis/core';
import { CD, CD_BYTES } from '../layouts/context-descriptor.js';
import { STAGE1_LEAF, STAGE1_TABLE, STAGE2_LEAF } from '../layouts/descriptors.js';
import { L1STD, STE, STE_BYTES } from '../layouts/stream-table.js';
import { EVENT_QUEUE, OutputQueue } from './event-queue.js';
import { EventRecorder } from './event-recorder.js';
import { Observation } from './observation.js';
import { Request } from './request.js';
import { RequestPath, type RequestPathParts } from './request-path.js';
import { StageWalkers } from './stage-walkers.js';
import { StalledTransactions } from './stalled-transactions.js';
import { StructureReader } from './structure-reader.js';
import { UnitCaches } from './unit-caches.js';

const PAGE_LEVEL = 3;

/**
 * A second request path on the same memory and registers, without caches and without effects, that notes each entry it reads. Made
 * of the same code as the one that serves requests, so that it cannot tell another story.
 */
export class Explainer {
  readonly #live: RequestPath;
  readonly #path: RequestPath;
  readonly #translation = new Translation();
  #steps: WalkStep[] = [];

  constructor(parts: RequestPathParts, live: RequestPath) {
    const { memory, configuration } = parts;
    this.#live = live;
    const off = { streamEntries: 0, contextEntries: 0, tlbEntries: 0, walkEntries: 0 };
    const request = new Request();
    const reader = new StructureReader(memory, configuration.capabilities.coherent);
    reader.visitor = (bytes) => this.#noteStructure(reader, bytes);
    // The queue is never writable: faults of looking are recorded nowhere.
    const queue = new OutputQueue(memory, parts.registers, EVENT_QUEUE, { log2Max: 0, isBroken: () => true });
    this.#path = new RequestPath({
      ...parts,
      caches: new UnitCaches({ ...configuration.caches, ...off }),
      counters: new UnitCounters(),
      translation: this.#translation,
      request,
      recorder: new EventRecorder(queue, request, () => undefined),
      stalled: new StalledTransactions(0),
      reader,
      walkers: new StageWalkers(memory, configuration.capabilities, false, (stage) => this.#visitor(stage)),
      observation: new Observation(request),
    });
  }

  /** What would become of a request, on the structures and tables as they are now. */
  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    this.#steps = [];
    this.#path.enabled = this.#live.enabled;
    const isAllowed = this.#path.translate(requesterId, pasid, hi32(iova), lo32(iova), access);
    return explainedWalk(this.#steps, this.#translation, isAllowed);
  }

  /** STEs are read first and have 512 bits, as CDs do; pointers to them have 64. */
  #noteStructure(reader: StructureReader, bytes: number): void {
    const isFirst = !this.#steps.some(({ what }) => what === STE.name);
    const layout: WordLayout<string> = bytes === STE_BYTES && bytes === CD_BYTES ? (isFirst ? STE : CD) : L1STD;
    const words = Array.from({ length: bytes / 8 }, (_, at) =>
      join64(reader.words[at * 2 + 1]!, reader.words[at * 2]!),
    );
    const whole = words.reduceRight((above, word) => (above << 64n) | word, 0n);
    const what = layout === L1STD ? (isFirst ? 'L1STD' : 'L1CD') : layout.name;
    const address = join64(reader.addressHi, reader.addressLo);
    this.#steps.push({ what, address, words, fields: layout.decode(whole) });
  }

  #visitor(stage: 1 | 2): WalkVisitor {
    return {
      entryRead: (walker: CarefulWalker): void => {
        const word = join64(walker.entryHi, walker.entryLo);
        const level = PAGE_LEVEL - walker.level;
        const isTable = level < PAGE_LEVEL && (word & 3n) === 3n;
        const layout: WordLayout<string> = stage === 2 ? STAGE2_LEAF : isTable ? STAGE1_TABLE : STAGE1_LEAF;
        this.#steps.push({
          what: `stage ${stage} level ${level}`,
          address: join64(walker.entryAddressHi, walker.entryAddressLo),
          words: [word],
          fields: layout.decode(word),
        });
      },
    };
  }
}
