/*
 * Write a backend: the smallest IOMMU that is one, from the public exports alone. It has a root pointer register per requester, tables of three
 * levels, no caches, and a driver that writes both. The conformance suite says when it is done.
 *
 * Prints:
 *   the buffer reads 1,2,3; after the unmap: NOT_MAPPED
 *   conformance: 0 cases fail
 */
import {
  Access,
  Errno,
  IotlbGather,
  iova as iovaOf,
  join64,
  NO_PASID,
  Prot,
  RadixTable,
  RadixWalker,
  TableRoot,
  Translation,
  UnitCounters,
  wordLayout,
  write64,
  type BackendDefinition,
  type BackendEnvironment,
  type DeviceCapabilities,
  type HardwareFault,
  type HwInfo,
  type IommuBackend,
  type IommuDevice,
  type IommuDomain,
  type NestedDomain,
  type PageTableFormat,
  type PhysicalMemory,
  type Range64,
  type ReservedRegion,
  type TranslationUnit,
  type TranslationWalk,
  type WalkStep,
} from '@ioasis/core';
import { assertNoLeaks, createTestMachine, runConformance } from '@ioasis/testkit';

// ---- 1. Layouts and the table format are data, as a datasheet has them. ----

const ROOT_POINTER = wordLayout('root pointer register', 64, { ADDRESS: [51, 12], V: [0, 0] });
const ENTRY = wordLayout('page table entry', 64, { ADDRESS: [51, 12], L: [3, 3], W: [2, 2], R: [1, 1], V: [0, 0] });

/** IOVA bits that the tables translate. */
const INPUT_BITS = 39;
const LEVELS = 3;
const PAGE_SHIFTS = [12, 21, 30];

const L = ENTRY.mask('L');

const FORMAT: PageTableFormat = {
  name: 'tiny tables',
  source: 'this file',
  granuleShift: 12,
  tableShift: 12,
  levels: PAGE_SHIFTS.map((shift, index) => ({
    number: index + 1,
    shift,
    indexBits: 9,
    table: index === 0 ? null : { mask: L, value: 0n, reserved: ENTRY.reserved },
    leaf: { mask: L, value: L, reserved: ENTRY.reserved },
  })),
  present: ENTRY.mask('V'),
  address: [{ bits: ENTRY.fields.ADDRESS, address: 12 }],
  permissions: {
    tableBits: 0n,
    leafBits: ENTRY.mask('R') | ENTRY.mask('W'),
    forbidding: 0n,
    read: ENTRY.mask('R'),
    write: ENTRY.mask('W'),
    execute: 0n,
    unprivileged: 0n,
    checked: 'leaf',
  },
  accessed: null,
  dirty: null,
};

// ---- 2. The unit: knows memory and its registers, nothing of the driver. ----

const REQUESTERS = 0x1_0000;
/** Behind the root pointers: address and reason of the newest fault. */
const FAULT = REQUESTERS * 8;
const FAULT_REASON = wordLayout('fault reason register', 64, { REQUESTER: [47, 32], CODE: [1, 0] });
const RIGHTS = Access.READ | Access.WRITE;

class TinyUnit implements TranslationUnit {
  readonly mmioBytes = FAULT + 16;
  readonly translation = new Translation();
  readonly counters = new UnitCounters();
  readonly #registers = new Int32Array(this.mmioBytes / 4);
  readonly #walker: RadixWalker;

  constructor(memory: PhysicalMemory) {
    this.#walker = new RadixWalker({ memory, format: FORMAT });
  }

  read32(offset: number): number {
    return this.#registers[offset >>> 2] ?? 0;
  }

  write32(offset: number, value: number): void {
    this.#registers[offset >>> 2] = value;
  }

  write64(offset: number, hi: number, lo: number): void {
    this.write32(offset, lo);
    this.write32(offset + 4, hi);
  }

  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const { counters, translation } = this;
    const walker = this.#walker;
    counters.translations++;
    const root = this.#root(requesterId, pasid);
    if (root === undefined || !walker.walk(root, iovaHi, iovaLo, access & RIGHTS)) {
      counters.faults++;
      translation.fault = this.#fault(requesterId, pasid, join64(iovaHi, iovaLo), access, root === undefined);
      return false;
    }
    counters.walkReads += walker.reads;
    translation.paHi = walker.paHi;
    translation.paLo = walker.paLo;
    translation.pageShift = walker.pageShift;
    translation.permissions = walker.permissions(false) & RIGHTS;
    return true;
  }

  /** The same walk, watched entry by entry. */
  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    const steps: WalkStep[] = [];
    const root = this.#root(requesterId, pasid);
    const walker = this.#walker;
    walker.isWatched = true;
    walker.visitor = {
      entryRead({ level, entryAddressHi, entryAddressLo, entryHi, entryLo }) {
        const word = join64(entryHi, entryLo);
        const address = join64(entryAddressHi, entryAddressLo);
        steps.push({ what: `entry of level ${level + 1}`, address, words: [word], fields: ENTRY.decode(word) });
      },
    };
    const [hi, lo] = [Number(BigInt.asIntN(32, iova >> 32n)), Number(BigInt.asIntN(32, iova))];
    const found = root !== undefined && walker.walk(root, hi, lo, access & RIGHTS);
    walker.isWatched = false;
    const rights = found ? walker.permissions(false) : 0;
    return {
      steps,
      pa: found ? join64(walker.paHi, walker.paLo) : undefined,
      pageBytes: found ? 1n << BigInt(walker.pageShift) : undefined,
      readable: (rights & Access.READ) !== 0,
      writable: (rights & Access.WRITE) !== 0,
      fault: found ? undefined : codeOf(root === undefined),
    };
  }

  step(): number {
    return 0; // there is no command queue
  }

  reset(): void {
    this.#registers.fill(0);
  }

  /** Requests with a PASID are blocked: this unit knows none. */
  #root(requesterId: number, pasid: number): TableRoot | undefined {
    if (pasid !== NO_PASID) return undefined;
    const lo = this.read32(requesterId * 8);
    if ((lo & Number(ROOT_POINTER.mask('V'))) === 0) return undefined;
    const hi = this.read32(requesterId * 8 + 4);
    return new TableRoot(FORMAT, { hi, lo: lo & ~0xfff, levels: LEVELS, inputBits: INPUT_BITS });
  }

  #fault(requesterId: number, pasid: number, address: bigint, access: number, isBlocked: boolean): HardwareFault {
    const reason = codeOf(isBlocked);
    const record = [address, FAULT_REASON.encode({ REQUESTER: requesterId, CODE: reason.code })];
    record.forEach((word, index) => write64(this, FAULT + 8 * index, word));
    return {
      vendor: 'tiny',
      ...reason,
      requesterId,
      pasid: pasid === NO_PASID ? undefined : pasid,
      iova: iovaOf(address),
      access: (access & Access.WRITE) !== 0 ? 'write' : 'read',
      recorded: 'recorded',
      record,
      details: {},
    };
  }
}

const codeOf = (isBlocked: boolean): { readonly code: number; readonly name: string } =>
  isBlocked ? { code: 1, name: 'NO_ROOT' } : { code: 2, name: 'NOT_MAPPED' };

// ---- 3. The driver: writes tables and registers, knows nothing of the unit's insides. ----

class TinyDomain implements IommuDomain {
  readonly pageSizes = PAGE_SHIFTS.reduce((sizes, shift) => sizes | (1n << BigInt(shift)), 0n);
  readonly aperture: Range64 = { start: 0n, last: (1n << BigInt(INPUT_BITS)) - 1n };
  readonly dirty = undefined;
  readonly table: RadixTable;
  /** Tables that a large page took the place of. */
  readonly #replaced = new IotlbGather();

  constructor({ memory, tableFrames: frames }: BackendEnvironment) {
    this.table = new RadixTable({
      memory,
      frames,
      format: FORMAT,
      inputBits: INPUT_BITS,
      leafBits: (prot) => ENTRY.encode({ R: (prot & Prot.READ) !== 0, W: (prot & Prot.WRITE) !== 0 }) | ENTRY.mask('V'),
      tableBits: ENTRY.mask('V'),
    });
  }

  get mappedPages(): number {
    return this.table.mappedPages;
  }

  get foundPaHi(): number {
    return this.table.foundPaHi;
  }

  get foundPaLo(): number {
    return this.table.foundPaLo;
  }

  mapPages(hi: number, lo: number, paHi: number, paLo: number, pageShift: number, count: number, prot: number): number {
    return this.table.mapPages(hi, lo, paHi, paLo, pageShift, count, prot, this.#replaced);
  }

  unmapPages(hi: number, lo: number, pageShift: number, count: number, gather: IotlbGather): number {
    const bytes = this.table.unmapPages(hi, lo, pageShift, count, gather);
    if (bytes > 0) gather.addBytes(hi, lo, bytes, pageShift);
    return bytes;
  }

  // The unit caches nothing: there is nothing to invalidate, only table pages to free.
  flushAll(): void {}

  syncMap(): void {
    this.table.releaseGathered(this.#replaced);
    this.#replaced.reset();
  }

  syncUnmap(gather: IotlbGather): void {
    this.table.releaseGathered(gather);
    gather.reset();
  }

  iovaToPhys(hi: number, lo: number): boolean {
    return this.table.iovaToPhys(hi, lo);
  }

  enforceCacheCoherency(): boolean {
    return false;
  }

  free(): void {
    this.table.free();
  }
}

class TinyBackend implements IommuBackend {
  readonly id = 'tiny';
  readonly #environment: BackendEnvironment;
  readonly #unit: TinyUnit;

  constructor(environment: BackendEnvironment) {
    this.#environment = environment;
    this.#unit = new TinyUnit(environment.memory);
  }

  unitOf(): TinyUnit {
    return this.#unit;
  }

  addDevice(): number {
    return 0; // its root pointer register is clear: blocked
  }

  removeDevice(device: IommuDevice): void {
    this.detach(device);
  }

  capabilitiesOf(): DeviceCapabilities {
    return {
      cacheCoherency: true,
      enforceCacheCoherency: false,
      dirtyTracking: false,
      msiIsolated: true,
      maxPasidLog2: 0,
    };
  }

  reservedRegions(): readonly ReservedRegion[] {
    return [];
  }

  hwInfo(): HwInfo {
    return { type: 0, data: new Uint8Array() };
  }

  allocPaging(_device: IommuDevice, flags: number, data: unknown): IommuDomain | number {
    if (flags !== 0 || data !== undefined) return Errno.EOPNOTSUPP;
    const domain = new TinyDomain(this.#environment);
    return domain.table.levels === 0 ? Errno.ENOMEM : domain;
  }

  attach({ requesterId }: IommuDevice, domain: IommuDomain | NestedDomain, pasid?: number): number {
    if (pasid !== undefined) return Errno.EOPNOTSUPP;
    if (!(domain instanceof TinyDomain)) return Errno.EINVAL;
    const { rootHi, rootLo } = domain.table;
    this.#unit.write64(requesterId * 8, rootHi, rootLo | Number(ROOT_POINTER.encode({ V: true })));
    return 0;
  }

  detach({ requesterId }: IommuDevice): void {
    this.#unit.write64(requesterId * 8, 0, 0);
  }
}

export const tinyIommu = (): BackendDefinition => ({
  id: 'tiny',
  create: (environment) => new TinyBackend(environment),
});

// ---- 4. It works like any other. ----

const pc = createTestMachine({ backend: tinyIommu() });
const buffer = pc.buffer(0x1000);
const iova = pc.map(buffer);
pc.dma.write(iova, Uint8Array.of(1, 2, 3));
const seen = buffer.read(0, 3).join();
pc.unmap(iova, buffer.bytes);
const late = pc.dma.write(iova, Uint8Array.of(4)).pieces[0]?.fault;
console.log(`the buffer reads ${seen}; after the unmap: ${typeof late === 'object' && late.name}`);
assertNoLeaks(pc);

// ---- 5. It is done when the suite says so. With vitest or node:test: backendConformance({ describe, it }, tinyIommu()). ----

const { results } = runConformance(tinyIommu());
const failed = results.filter(({ error }) => error !== undefined);
console.log(`conformance: ${failed.length} cases fail`);
for (const { area, name, error } of failed) console.log(`${area}, ${name}: ${error}`);
