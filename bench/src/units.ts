import {
  Access,
  FrameAllocator,
  hi32,
  IotlbGather,
  join64,
  linux612,
  lo32,
  ManualClock,
  NO_PASID,
  PhysicalMemory,
  type BackendDefinition,
  type TranslationUnit,
} from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { inChunks } from './chunks.js';
import { ownTime } from './clock.js';
import { firstStageUnit } from './first-stage-unit.js';
import type { Orders } from './orders.js';
import { PAGES } from './engine-run.js';
import type { Figures } from './rounds.js';

/** As many entries as the comparator's IOTLB has. */
const IOTLB_ENTRIES = 4096;

/** Maps a page for reads and writes. */
type MapPage = (iovaLo: number, paLo: number) => void;

/** A unit as its driver sets it up: one device on a domain of 65536 pages, the tables of radix.c. */
export interface UnitSubject {
  readonly name: string;
  /** log2 of its pages; 12 unless given. */
  readonly pageShift?: number;
  readonly setUp: (
    memory: PhysicalMemory,
    frames: FrameAllocator,
  ) => { readonly unit: TranslationUnit; readonly map: MapPage };
}

/** The default unit is one that keeps neither entries of its device table nor page directories. */
const AMD_CACHES = { deviceEntries: 64, directoryEntries: 256 };

export const unitSubjects: readonly UnitSubject[] = [
  { name: 'vtd-ss', setUp: driven(intelVtd({ caches: { iotlbEntries: IOTLB_ENTRIES } })) },
  { name: 'smmu-s1', setUp: driven(armSmmuv3({ caches: { tlbEntries: IOTLB_ENTRIES }, preset: 'server' })) },
  {
    name: 'smmu-s2',
    setUp: driven(armSmmuv3({ caches: { tlbEntries: IOTLB_ENTRIES }, domainStage: 2, preset: 'server' })),
  },
  { name: 'amd-v1', setUp: driven(amdVi({ caches: { iotlbEntries: IOTLB_ENTRIES, ...AMD_CACHES } })) },
  {
    name: 'amd-v2',
    setUp: driven(
      amdVi({ caches: { iotlbEntries: IOTLB_ENTRIES, ...AMD_CACHES }, pageTables: 'v2', preset: 'zen-server' }),
    ),
  },
  { name: 'vtd-fs', setUp: bareFirstStage },
  {
    name: 'smmu-s1-64k',
    pageShift: 16,
    setUp: driven(armSmmuv3({ caches: { tlbEntries: IOTLB_ENTRIES }, preset: 'server' }), 16),
  },
];

const RAM = { start: 0n, last: 0x3fff_ffffn };
const TABLES = { start: 0x1_0000_0000n, last: 0x1_03ff_ffffn };
/* Constants of this module: V8 loads and checks an imported one at each use. */
const READ = Access.READ;
const READ_WRITE = Access.READ | Access.WRITE;
const WITHOUT_PASID = NO_PASID;
const REQUESTER = 8;
const IOVA_HI = 1;
const PA_HI = 16;

function driven(definition: BackendDefinition, pageShift: 12 | 16 = 12): UnitSubject['setUp'] {
  return (memory, tableFrames) => {
    const clock = new ManualClock();
    const pageSize = pageShift === 12 ? 4096 : 65536;
    const backend = definition.create({ memory, tableFrames, clock, pageSize, kernel: linux612, failure: null });
    const device = { name: '0000:00:01.0', segment: 0, requesterId: REQUESTER, group: { id: 1 } };
    backend.addDevice(device);
    const domain = backend.allocPaging(device, 0, undefined);
    if (typeof domain === 'number') throw new Error(`no domain: errno ${domain}`);
    backend.attach(device, domain);
    const map: MapPage = (iovaLo, paLo) => void domain.mapPages(IOVA_HI, iovaLo, PA_HI, paLo, pageShift, 1, READ_WRITE);
    return { unit: backend.unitOf(device), map };
  };
}

function bareFirstStage(memory: PhysicalMemory, frames: FrameAllocator): ReturnType<UnitSubject['setUp']> {
  const { unit, table } = firstStageUnit(memory, frames, IOTLB_ENTRIES, REQUESTER);
  const gather = new IotlbGather();
  const map: MapPage = (iovaLo, paLo) => void table.mapPages(IOVA_HI, iovaLo, PA_HI, paLo, 12, 1, READ_WRITE, gather);
  return { unit, map };
}

/** Translations by a unit, ns each. */
export class UnitRun {
  readonly figures: Figures = {};
  readonly #unit: TranslationUnit;
  /** Low words of addresses: of few pages, and of all. */
  readonly #hot: Int32Array;
  readonly #pages: Int32Array;
  readonly #addresses: readonly bigint[];

  constructor({ setUp, pageShift = 12 }: UnitSubject, orders: Orders) {
    const memory = new PhysicalMemory({ windows: [RAM, TABLES], arena: TABLES });
    const range = { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames };
    const { unit, map } = setUp(memory, new FrameAllocator(memory, range));
    for (let i = 0; i < PAGES; i++) map(i << pageShift, (Math.imul(i, 0x9e37_79b1) & (PAGES - 1)) << pageShift);
    this.#unit = unit;
    this.#hot = orders.hot.map((page) => page << pageShift);
    this.#pages = orders.pages.map((page) => page << pageShift);
    this.#addresses = Array.from(this.#hot, (lo) => join64(IOVA_HI, lo));
  }

  run(): void {
    const unit = this.#unit;
    const [hot, pages] = [this.#hot, this.#pages];
    // The hot pages are in the IOTLB afterwards.
    translateAll(unit, hot);
    this.#time('tlb_hit', () => translateAll(unit, hot));
    this.#time('tlb_hit_bigint', () => translateBigints(unit, this.#addresses));
    this.#time('tlb_mix', () => translateAll(unit, pages));
    this.figures['bigint_extra'] = (this.figures['tlb_hit_bigint'] as number) - (this.figures['tlb_hit'] as number);
  }

  #time(name: string, body: () => void): void {
    this.figures[name] = ownTime(body) / PAGES;
  }
}

function translateAll(unit: TranslationUnit, order: Int32Array): void {
  inChunks(order.length, (from, to) => translateChunk(unit, order, from, to));
}

function translateChunk(unit: TranslationUnit, order: Int32Array, from: number, to: number): number {
  const { translation } = unit;
  // Words of this function, because V8 checks at each use whether the module has set its constants yet.
  const [requester, pasid, iovaHi, access] = [REQUESTER, WITHOUT_PASID, IOVA_HI, READ];
  let frames = 0;
  for (let i = from; i < to; i++) {
    if (!unit.translate(requester, pasid, iovaHi, order[i] as number, access)) throw new Error('refused');
    frames = (frames + ((translation.paHi << 20) | (translation.paLo >>> 12))) | 0;
  }
  return frames;
}

/** Addresses as users have them. */
function translateBigints(unit: TranslationUnit, addresses: readonly bigint[]): void {
  inChunks(addresses.length, (from, to) => translateBigintChunk(unit, addresses, from, to));
}

function translateBigintChunk(unit: TranslationUnit, addresses: readonly bigint[], from: number, to: number): number {
  const { translation } = unit;
  let odd = 0;
  for (let i = from; i < to; i++) {
    const iova = addresses[i] as bigint;
    if (!unit.translate(REQUESTER, WITHOUT_PASID, hi32(iova), lo32(iova), READ)) throw new Error('refused');
    if (join64(translation.paHi, translation.paLo) === iova) odd++;
  }
  return odd;
}
