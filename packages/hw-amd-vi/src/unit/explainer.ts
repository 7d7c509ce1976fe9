import {
  explainedWalk,
  hi32,
  join64,
  lo32,
  Translation,
  UnitCounters,
  type CarefulWalker,
  type PhysicalMemory,
  type RegisterFile,
  type TranslationWalk,
  type WalkStep,
} from '@ioasis/core';
import { DEVICE_TABLE_ENTRY, GCR3_ENTRY } from '../layouts/device-table-entry.js';
import { GUEST_PTE, HOST_PDE, HOST_PTE } from '../layouts/page-table-entries.js';
import type { AmdViConfiguration } from '../options.js';
import { DeviceTable } from './device-table.js';
import type { DeviceTablePlace } from './device-table-place.js';
import { RequestPath } from './request-path.js';
import { TranslationCaches } from './translation-caches.js';
import type { UnitControl } from './unit-control.js';
import { Watch } from './watch.js';

/**
 * A second request path on the same memory and registers, without caches and without effects, that notes each entry it reads. Made
 * of the same code as the one that serves requests, so that it cannot tell another story.
 */
export class Explainer {
  readonly #memory: PhysicalMemory;
  readonly #path: RequestPath;
  readonly #translation = new Translation();
  #steps: WalkStep[] = [];

  constructor(
    memory: PhysicalMemory,
    configuration: AmdViConfiguration,
    registers: RegisterFile,
    control: UnitControl,
    place: DeviceTablePlace,
  ) {
    this.#memory = memory;
    const off = { ...configuration.caches, deviceEntries: 0, iotlbEntries: 0, directoryEntries: 0, negative: false };
    const watch = new Watch();
    // One fetch of all 256 bits: the entry as it is now.
    const deviceTable = new DeviceTable(memory, configuration.capabilities, place, 256);
    this.#path = new RequestPath({
      memory,
      configuration: { ...configuration, caches: off },
      registers,
      control,
      deviceTable,
      caches: new TranslationCaches(off, watch),
      counters: new UnitCounters(),
      translation: this.#translation,
      events: { append: () => 'disabled' },
      watch,
      isLive: false,
    });
    deviceTable.visitor = (table) => this.#noteDeviceEntry(table);
    this.#path.host.watch({ entryRead: (walker) => this.#noteHostEntry(walker) });
    this.#path.guest.watch({ entryRead: (walker) => this.#noteGuestEntry(walker) });
    this.#path.guest.gcr3Visitor = (hi, lo, level) => this.#noteGcr3Entry(hi, lo, level);
  }

  /** What would become of a request, on the structures and tables as they are now. */
  explain(deviceId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    this.#steps = [];
    const isAllowed = this.#path.translate(deviceId, pasid, hi32(iova), lo32(iova), access);
    return explainedWalk(this.#steps, this.#translation, isAllowed);
  }

  #noteDeviceEntry({ words, place }: DeviceTable): void {
    const halves = [0, 2, 4, 6].map((at) => join64(words[at + 1]!, words[at]!));
    const entry = halves.reduceRight((above, word) => (above << 64n) | word, 0n);
    const address = join64(place.entryHi, place.entryLo);
    this.#steps.push({ what: 'DTE', address, words: halves, fields: DEVICE_TABLE_ENTRY.decode(entry) });
  }

  #noteGcr3Entry(hi: number, lo: number, level: number): void {
    const word = join64(this.#memory.loadedHi, this.#memory.loadedLo);
    const what = `GCR3 entry level ${level + 1}`;
    this.#steps.push({ what, address: join64(hi, lo), words: [word], fields: GCR3_ENTRY.decode(word) });
  }

  #noteHostEntry(walker: CarefulWalker): void {
    const word = join64(walker.entryHi, walker.entryLo);
    const nextLevel = HOST_PDE.get(word, 'NEXT_LEVEL');
    const isPage = nextLevel === 0n || nextLevel === 7n;
    this.#note(walker, `host ${isPage ? 'PTE' : 'PDE'}`, isPage ? HOST_PTE.decode(word) : HOST_PDE.decode(word));
  }

  #noteGuestEntry(walker: CarefulWalker): void {
    this.#note(walker, 'guest PTE', GUEST_PTE.decode(join64(walker.entryHi, walker.entryLo)));
  }

  #note(walker: CarefulWalker, what: string, fields: Readonly<Record<string, bigint>>): void {
    this.#steps.push({
      what: `${what} level ${walker.level + 1}`,
      address: join64(walker.entryAddressHi, walker.entryAddressLo),
      words: [join64(walker.entryHi, walker.entryLo)],
      fields,
    });
  }
}
