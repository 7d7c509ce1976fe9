import { Buffer } from 'node:buffer';
import type { Machine } from '@ioasis/core';
import {
  recordedHere,
  TraceBuilder,
  TraceRun,
  traceText,
  type StepOutcome,
  type StructFields,
  type TraceStep,
} from '@ioasis/testkit';
import { SLOTS, type Bench } from './bench.js';
import { CELL, FlatIoas, type FlatArea, type Rights, type Verdict } from './flat-ioas.js';
import { MEMORY_CELLS, WINDOW_CELLS, type Operation } from './operations.js';

/** The program's memory; where calls read and write; a page for checks. */
const MEMORY = 0x200_0000_0000n;
const BUFFER = 0x300_0000_0000n;
const SCRATCH = 0x310_0000_0000n;
/** Where the scratch page is mapped when a check needs it; no operation reaches it. */
const SCRATCH_IOVA = 0x4000_0000n;
const FIXED = 1;
const PIN = 1;

const bytesAt = (cell: number): bigint => BigInt(cell) * BigInt(CELL);
const flagsOf = (rights: number, fixed: boolean): number => rights | (fixed ? FIXED : 0);
const rightsOf = (rights: number): Rights => ({ readable: (rights & 4) !== 0, writable: (rights & 2) !== 0 });

/** Seeds of the patterns in the two halves of memory; one even and one odd, so that no two cells begin alike. */
const SEEDS = [2, 3] as const;
const HALF = MEMORY_CELLS / 2;

/** Content of a memory cell, as the trace's pattern step fills it. */
function content(cell: number, bytes: number): Uint8Array {
  const first = (cell % HALF) * CELL;
  const seed = SEEDS[cell < HALF ? 0 : 1];
  return Uint8Array.from({ length: bytes }, (_, at) => seed + 7 * (first + at) + 13 * ((first + at) >> 8));
}

/** First bytes of a memory cell. */
const mark = (cell: number): Uint8Array => content(cell, 4);
const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(0, true);

/** The machine and the oracle disagree. `trace` replays to the same disagreement: its last result is the oracle's. */
export class Disagreement extends Error {
  constructor(
    what: string,
    readonly trace: string,
  ) {
    super(`${what}\n${trace}`);
    this.name = 'Disagreement';
  }
}

/** A device: attached to which IOAS, with which page table of its own. */
interface Slot {
  /** Number of the device on the machine. */
  device: number;
  /** Ids of the bound device, and of the test object on the mock. */
  deviceId: number;
  objectId: number;
  /** Page table that it is attached to. */
  hwptId: number;
  ownHwpt: number | undefined;
  ioas: number | undefined;
}

interface Access {
  readonly fd: string;
  readonly fdnum: number;
}

/** Carries out operations on a machine and on the oracle, and compares what devices reach after each. */
export class PropertyRun {
  readonly #bench: Bench;
  readonly #machine: Machine;
  readonly #builder: TraceBuilder;
  readonly #run: TraceRun;
  readonly #flat: readonly FlatIoas[];
  readonly #ioasIds: number[] = [];
  readonly #slots: Slot[] = [];
  readonly #pins: (Access | undefined)[] = [];
  #accesses = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
    this.#machine = bench.make();
    this.#builder = new TraceBuilder('property', { machine: bench.devices === 'mock' ? 'none' : 'q35+vtd' });
    this.#run = new TraceRun(this.#machine.spawn());
    this.#flat = [new FlatIoas(bench.demands), new FlatIoas(bench.demands)];
    for (const step of this.#builder.steps) this.#run.perform(step);
    this.#setUp();
  }

  /** Machine and oracle do the operation; then every device is asked what it reaches. */
  perform(operation: Operation): void {
    this.#act(operation);
    this.#slots.forEach((slot) => this.#probe(slot));
  }

  /** The program ends. @returns what is left of it, and invariants that do not hold */
  finish(): object {
    const [end] = this.#builder.build().steps.slice(-1);
    this.#run.perform(end!);
    const { pins, lockedPages, chargedBytes, userFrames, objects } = this.#machine.close();
    return { pins, lockedPages, chargedBytes, userFrames, objects };
  }

  #setUp(): void {
    const builder = this.#builder;
    this.#do(builder.mmap(MEMORY, bytesAt(MEMORY_CELLS)));
    SEEDS.forEach((seed, half) => this.#do(builder.pattern(MEMORY + bytesAt(half * HALF), bytesAt(HALF), seed)));
    this.#do(builder.mmap(BUFFER, 0x1_0000n));
    this.#do(builder.mmap(SCRATCH, 0x1000n));
    this.#do(builder.open('iommu', '/dev/iommu'));
    for (const _ of this.#flat) this.#ioasIds.push(word(this.#do(this.#ioctl('IOMMU_IOAS_ALLOC')), 8));
    this.#flat.forEach((_, ioas) => this.#openAccess(`read${ioas}`, ioas, 0, null));
    for (let slot = 0; slot < SLOTS; slot++) {
      const deviceId = this.#bench.devices === 'vfio' ? this.#bind(slot) : 0;
      this.#slots.push({ device: slot, deviceId, objectId: 0, hwptId: 0, ownHwpt: undefined, ioas: undefined });
    }
  }

  #act(operation: Operation): void {
    switch (operation.kind) {
      case 'map':
        return this.#map(operation);
      case 'copy':
        return this.#copy(operation);
      case 'unmap':
        return this.#unmap(operation.ioas, this.#bench.window + operation.at, operation.cells);
      case 'unmap-area': {
        const { areas } = this.#flat[operation.ioas]!;
        const area = areas[operation.which % Math.max(1, areas.length)];
        return area === undefined ? undefined : this.#unmap(operation.ioas, area.first, area.cells);
      }
      case 'unmap-all':
        return this.#unmapAll(operation.ioas);
      case 'allow':
        return this.#allow(operation.ioas, operation.ranges);
      case 'attach':
        return this.#attach(this.#slots[operation.slot]!, operation.ioas, operation.own);
      case 'detach':
        return this.#detach(this.#slots[operation.slot]!);
      case 'read':
        return this.#read(operation.ioas, this.#bench.window + operation.at, operation.cells);
      case 'pin':
        return this.#pin(operation.ioas, this.#bench.window + operation.at);
      case 'unpin':
        return this.#unpin(operation.ioas);
    }
  }

  #map({ ioas, memory, cells, at, rights }: Extract<Operation, { kind: 'map' }>): void {
    const flat = this.#flat[ioas]!;
    const backing = { memory, pagesWritable: (rights & 2) !== 0 };
    const first = at === null ? undefined : this.#bench.window + at;
    const verdict =
      (first === undefined ? flat.automatic(memory, cells) : flat.placeable(first, cells)) ??
      flat.backed(backing, rightsOf(rights));
    const step = this.#ioctl('IOMMU_IOAS_MAP', {
      flags: flagsOf(rights, first !== undefined),
      ioas_id: this.#ioasIds[ioas]!,
      user_va: MEMORY + bytesAt(memory),
      length: bytesAt(cells),
      iova: first === undefined ? 0n : bytesAt(first),
    });
    const placed = this.#placed(step, verdict, flat, first, cells, 32);
    if (placed !== undefined) flat.add({ first: placed, cells, ...backing, ...rightsOf(rights) });
  }

  #copy(operation: Extract<Operation, { kind: 'copy' }>): void {
    const source = this.#flat[operation.ioas]!;
    const target = this.#flat[operation.to]!;
    const { areas } = source;
    const area = areas[operation.which % Math.max(1, areas.length)];
    if (area === undefined) return;
    const { cells, at, rights } = operation;
    const from = area.first + Math.min(operation.skip, area.cells - 1);
    const first = at === null ? undefined : this.#bench.window + at;
    const pieces = source.pieces(from, cells);
    const step = this.#ioctl('IOMMU_IOAS_COPY', {
      flags: flagsOf(rights, first !== undefined),
      src_ioas_id: this.#ioasIds[operation.ioas]!,
      dst_ioas_id: this.#ioasIds[operation.to]!,
      length: bytesAt(cells),
      src_iova: bytesAt(from),
      dst_iova: first === undefined ? 0n : bytesAt(first),
    });
    const verdict = pieces === undefined ? 'ENOENT' : this.#copyVerdict(target, pieces, first, cells, rightsOf(rights));
    const placed = this.#placed(step, verdict, target, first, cells, 24);
    if (placed === undefined || pieces === undefined) return;
    for (const piece of pieces) {
      target.add({ ...piece, ...rightsOf(rights), first: placed + piece.first - from });
    }
  }

  #copyVerdict(
    target: FlatIoas,
    pieces: readonly FlatArea[],
    first: number | undefined,
    cells: number,
    rights: Rights,
  ): Verdict {
    const place = first === undefined ? target.automatic(pieces[0]!.memory, cells) : target.placeable(first, cells);
    if (place !== null) return place;
    const unfit = pieces.map((piece) => target.backed(piece, rights)).find((verdict) => verdict !== null);
    // A place that the kernel chooses is aligned, so only the lengths of the pieces matter.
    return unfit ?? target.fillable(first ?? 0, pieces);
  }

  /** Does a call that places something. @returns the cell; undefined when it is refused */
  #placed(
    step: TraceStep,
    verdict: Verdict,
    flat: FlatIoas,
    first: number | undefined,
    cells: number,
    offset: number,
  ): number | undefined {
    const outcome = this.#run.attempt(step);
    this.#builder.settle(recordedHere(step, outcome));
    // Whether the allowed ranges have room is the kernel's to say; elsewhere there always is.
    if (verdict === null && first === undefined && outcome.errno === 'ENOSPC' && flat.allowed.length > 0)
      return undefined;
    this.#expect(step, verdict, outcome);
    if (verdict !== null) return undefined;
    const placed = Number(Buffer.from(outcome.out ?? '', 'hex').readBigUInt64LE(offset)) / CELL;
    if (first === undefined && !flat.mayChoose(placed, cells)) {
      throw new Disagreement(`the kernel chose cell ${placed}, which is not free`, this.#text());
    }
    return placed;
  }

  #unmap(ioas: number, first: number, cells: number): void {
    const ids = { ioas_id: this.#ioasIds[ioas]! };
    const { removed, verdict } = this.#flat[ioas]!.remove(first, cells);
    const step = this.#ioctl('IOMMU_IOAS_UNMAP', { ...ids, iova: bytesAt(first), length: bytesAt(cells) });
    const outcome = this.#settled(step, verdict);
    if (verdict === null) this.#expectBytes(step, Buffer.from(outcome, 'hex').readBigUInt64LE(16), bytesAt(removed));
  }

  #unmapAll(ioas: number): void {
    const { cells } = this.#flat[ioas]!;
    const removed = cells.size;
    cells.clear();
    const length = 0xffff_ffff_ffff_ffffn;
    const step = this.#ioctl('IOMMU_IOAS_UNMAP', { ioas_id: this.#ioasIds[ioas]!, iova: 0n, length });
    const outcome = this.#settled(step, null);
    this.#expectBytes(step, Buffer.from(outcome, 'hex').readBigUInt64LE(16), bytesAt(removed));
  }

  #allow(ioas: number, window: readonly (readonly [number, number])[]): void {
    const ranges = window.map(([low, high]) => [this.#bench.window + low, this.#bench.window + high] as const);
    const list = Buffer.alloc(16 * ranges.length);
    for (const [at, [low, high]] of ranges.entries()) {
      list.writeBigUInt64LE(bytesAt(low), 16 * at);
      list.writeBigUInt64LE(bytesAt(high + 1) - 1n, 16 * at + 8);
    }
    if (list.length > 0) this.#do(this.#builder.poke(BUFFER, list));
    const flat = this.#flat[ioas]!;
    const verdict = flat.allowable(ranges);
    const fields = { ioas_id: this.#ioasIds[ioas]!, num_iovas: ranges.length, allowed_iovas: BUFFER };
    this.#settled(this.#ioctl('IOMMU_IOAS_ALLOW_IOVAS', fields), verdict);
    if (verdict === null) flat.allowed = ranges;
  }

  /** Attaches a device, or moves it; then to a page table of its own if asked. */
  #attach(slot: Slot, ioas: number, own: boolean): void {
    const target = this.#flat[ioas]!;
    if (slot.ioas === ioas) return;
    const verdict = target.attachable();
    const attached = slot.ioas === undefined ? this.#join(slot, ioas, verdict) : this.#move(slot, ioas, verdict);
    if (!attached) return;
    if (slot.ioas !== undefined) this.#flat[slot.ioas]!.devices--;
    slot.ioas = ioas;
    target.devices++;
    this.#dropOwn(slot);
    if (!own) return;
    const fields = { dev_id: slot.deviceId, pt_id: this.#ioasIds[ioas]! };
    const hwptId = word(this.#settled(this.#ioctl('IOMMU_HWPT_ALLOC', fields), null), 16);
    this.#moveTo(slot, hwptId, null);
    slot.hwptId = hwptId;
    slot.ownHwpt = hwptId;
  }

  #join(slot: Slot, ioas: number, verdict: Verdict): boolean {
    const ptId = this.#ioasIds[ioas]!;
    if (this.#bench.devices === 'vfio') return this.#moveTo(slot, ptId, verdict);
    const outcome = this.#settled(this.#builder.test('iommu', 'MOCK_DOMAIN', { id: ptId }), verdict);
    if (verdict !== null) return false;
    slot.objectId = word(outcome, 16);
    slot.hwptId = word(outcome, 20);
    slot.deviceId = word(outcome, 24);
    const taken = this.#slots.filter((it) => it !== slot && it.ioas !== undefined).map(({ device }) => device);
    slot.device = 0;
    while (taken.includes(slot.device)) slot.device++;
    return true;
  }

  #move(slot: Slot, ioas: number, verdict: Verdict): boolean {
    return this.#moveTo(slot, this.#ioasIds[ioas]!, verdict);
  }

  #moveTo(slot: Slot, ptId: number, verdict: Verdict): boolean {
    const step =
      this.#bench.devices === 'vfio'
        ? this.#builder.ioctl(`vfio${slot.device}`, 'VFIO_DEVICE_ATTACH_IOMMUFD_PT', { pt_id: ptId })
        : this.#builder.test('iommu', 'MOCK_DOMAIN_REPLACE', { id: slot.objectId, pt_id: ptId });
    const outcome = this.#settled(step, verdict);
    if (verdict === null) slot.hwptId = word(outcome, this.#bench.devices === 'vfio' ? 8 : 16);
    return verdict === null;
  }

  #detach(slot: Slot): void {
    if (slot.ioas === undefined) return;
    if (this.#bench.devices === 'vfio') {
      this.#settled(this.#builder.ioctl(`vfio${slot.device}`, 'VFIO_DEVICE_DETACH_IOMMUFD_PT'), null);
    } else this.#settled(this.#ioctl('IOMMU_DESTROY', { id: slot.objectId }), null);
    this.#flat[slot.ioas]!.devices--;
    slot.ioas = undefined;
    this.#dropOwn(slot);
  }

  #dropOwn(slot: Slot): void {
    if (slot.ownHwpt !== undefined) this.#settled(this.#ioctl('IOMMU_DESTROY', { id: slot.ownHwpt }), null);
    slot.ownHwpt = undefined;
  }

  /** Reads by IOVA through a kernel access. */
  #read(ioas: number, first: number, cells: number): void {
    const flat = this.#flat[ioas]!;
    const pieces = flat.pieces(first, cells);
    let verdict: Verdict = pieces === undefined ? 'ENOENT' : null;
    for (let at = first; at < first + cells && flat.cells.has(at); at++) {
      if (!flat.cells.get(at)!.readable) {
        verdict = 'EPERM';
        break;
      }
    }
    const where = { id: this.#readerOf(ioas), iova: bytesAt(first), length: bytesAt(cells), uptr: BUFFER };
    this.#settled(this.#builder.test('iommu', 'ACCESS_RW', where), verdict);
    if (verdict !== null) return;
    const seen = pieces!.flatMap((piece) => Array.from({ length: piece.cells }, (_, at) => piece.memory + at));
    const wanted = Buffer.concat(seen.map((cell) => content(cell, CELL)));
    const step = this.#builder.peek(BUFFER, wanted);
    if (this.#run.attempt(step).data !== wanted.toString('hex')) {
      throw new Disagreement(`a kernel access reads something else from cell ${first} on`, this.#text());
    }
  }

  #pin(ioas: number, at: number): void {
    if (this.#pins[ioas] !== undefined) return;
    const flat = this.#flat[ioas]!;
    const verdict = flat.pinnable();
    const access = this.#openAccess(`pin${this.#accesses++}`, ioas, PIN, verdict);
    if (access === undefined) return;
    this.#pins[ioas] = access;
    flat.pinning++;
    const first = at - (at % 8);
    const pieces = flat.pieces(first, 8);
    const area = flat.cells.get(first);
    const pinned: Verdict =
      area === undefined ? 'ENOENT' : !area.readable ? 'EPERM' : pieces === undefined ? 'ENOENT' : null;
    const range = { id: access.fdnum, iova: bytesAt(first), length: bytesAt(8) };
    this.#settled(this.#builder.test('iommu', 'ACCESS_PAGES', range), pinned);
  }

  #unpin(ioas: number): void {
    const access = this.#pins[ioas];
    if (access === undefined) return;
    this.#do(this.#builder.close(access.fd, access.fdnum));
    this.#pins[ioas] = undefined;
    this.#flat[ioas]!.pinning--;
  }

  readonly #readers: number[] = [];

  #readerOf(ioas: number): number {
    return this.#readers[ioas]!;
  }

  #openAccess(name: string, ioas: number, flags: number, verdict: Verdict): Access | undefined {
    const newfd = { name, fdnum: -1, off: 16 };
    const step = { ...this.#builder.test('iommu', 'CREATE_ACCESS', { id: this.#ioasIds[ioas]!, flags }), newfd };
    const outcome = this.#settled(step as TraceStep, verdict);
    if (verdict !== null) return undefined;
    const fdnum = word(outcome, 16);
    if (flags === 0) this.#readers[ioas] = fdnum;
    return { fd: name, fdnum };
  }

  #bind(slot: number): number {
    const fd = `vfio${slot}`;
    this.#do(this.#builder.open(fd, `/dev/vfio/devices/${fd}`));
    // The first descriptor of a program is 3.
    return word(this.#settled(this.#builder.ioctl(fd, 'VFIO_DEVICE_BIND_IOMMUFD', { iommufd: 3 }), null), 12);
  }

  /** Asks a device what it reaches: the whole window, and both ends of every mapping. */
  #probe(slot: Slot): void {
    if (slot.ioas === undefined && this.#bench.devices === 'mock') return;
    const flat = slot.ioas === undefined ? undefined : this.#flat[slot.ioas]!;
    const { probeStep, window } = this.#bench;
    for (let cell = window; cell < window + WINDOW_CELLS; cell += probeStep) this.#probeCell(slot, flat, cell);
    for (const { first, cells } of flat?.areas ?? []) {
      this.#probeCell(slot, flat, first);
      this.#probeCell(slot, flat, first + cells - 1);
    }
  }

  #probeCell(slot: Slot, flat: FlatIoas | undefined, cell: number): void {
    const { rights } = this.#bench;
    const area = flat?.cells.get(cell);
    const memory = area === undefined ? 0 : area.memory + cell - area.first;
    const port = this.#bench.port(this.#machine, slot.device);
    const read = port.read(bytesAt(cell), 4);
    const readable = this.#readable(area);
    const seen = read.status === 'ok' ? numberOf(read.data) : 0;
    if (seen !== (readable ? numberOf(mark(memory)) : 0)) {
      return this.#unlike(slot, cell, area, read.status === 'ok' ? `reads 0x${seen.toString(16)} from` : 'cannot read');
    }
    if (rights === 'none') return;
    const writes = port.write(bytesAt(cell), mark(memory)).status === 'ok';
    if (writes !== (area?.writable ?? false)) this.#unlike(slot, cell, area, writes ? 'may write' : 'may not write');
  }

  #readable(area: FlatArea | undefined): boolean {
    return area !== undefined && (area.readable || area.writable || this.#bench.rights === 'none');
  }

  /** Adds steps to the trace in which what the device reaches shows, with the results that the oracle wants. */
  #unlike(slot: Slot, cell: number, area: FlatArea | undefined, what: string): never {
    const memory = area === undefined ? 0 : area.memory + cell - area.first;
    if (this.#bench.devices === 'mock') this.#checkOnMock(slot, cell, area, memory);
    else if (slot.ioas !== undefined) this.#checkByDma(slot, cell, area, memory);
    throw new Disagreement(`device ${slot.device} ${what} cell ${cell}, where memory cell ${memory} is`, this.#text());
  }

  #checkOnMock(slot: Slot, cell: number, area: FlatArea | undefined, memory: number): void {
    const first = cell - (cell % 4);
    const place = { iova: bytesAt(first), length: bytesAt(4), uptr: MEMORY + bytesAt(memory - (cell % 4)) };
    const step = this.#builder.test('iommu', 'MD_CHECK_MAP', { id: slot.hwptId, ...place });
    const result = area === undefined ? { ret: -1, errno: 'EINVAL' } : { ret: 0, errno: null };
    this.#builder.settle({ ...step, ...result } as TraceStep);
  }

  #checkByDma(slot: Slot, cell: number, area: FlatArea | undefined, memory: number): void {
    const fd = `vfio${slot.device}`;
    const scratch = { flags: 7, ioas_id: this.#ioasIds[slot.ioas!]!, user_va: SCRATCH, iova: SCRATCH_IOVA };
    this.#do(this.#ioctl('IOMMU_IOAS_MAP', { ...scratch, length: 0x1000n }));
    this.#do(this.#builder.dma(fd, 'to-dev', SCRATCH_IOVA, 0, 4));
    this.#do(this.#builder.dma(fd, 'to-dev', bytesAt(cell), 0, 4));
    this.#do(this.#builder.dma(fd, 'from-dev', SCRATCH_IOVA + 0x100n, 0, 4));
    this.#builder.peek(SCRATCH + 0x100n, this.#readable(area) ? mark(memory) : new Uint8Array(4));
    this.#do(this.#builder.dma(fd, 'to-dev', SCRATCH_IOVA, 0, 4));
    this.#do(this.#builder.dma(fd, 'from-dev', bytesAt(cell), 0, 4));
    this.#builder.peek(MEMORY + bytesAt(memory), area?.writable === true ? new Uint8Array(4) : mark(memory));
  }

  #ioctl(name: string, fields: StructFields = {}): TraceStep {
    return this.#builder.ioctl('iommu', name, fields);
  }

  /** Does a step that must succeed. @returns the bytes of its structure */
  #do(step: TraceStep): string {
    return this.#settled(step, null);
  }

  /** Does a step and compares its errno. @returns the bytes of its structure */
  #settled(step: TraceStep, verdict: Verdict): string {
    const outcome = this.#run.attempt(step);
    this.#builder.settle(recordedHere(step, outcome));
    this.#expect(step, verdict, outcome);
    return outcome.out ?? '';
  }

  #expect(step: TraceStep, verdict: Verdict, { errno = null, exception }: StepOutcome): void {
    if (exception !== undefined) throw new Disagreement(exception, this.#text());
    if (verdict === errno) return;
    this.#builder.settle({ ...step, ret: verdict === null ? 0 : -1, errno: verdict } as TraceStep);
    const name = step.op === 'ioctl' ? step.cmd : step.op;
    throw new Disagreement(`${name} answers ${errno ?? 'ok'}, the oracle says ${verdict ?? 'ok'}`, this.#text());
  }

  #expectBytes(step: TraceStep, got: bigint, wanted: bigint): void {
    if (got === wanted) return;
    const name = step.op === 'ioctl' ? step.cmd : step.op;
    throw new Disagreement(`${name} unmapped ${got} bytes, the oracle ${wanted}`, this.#text());
  }

  #text(): string {
    return traceText(this.#builder.build('counterexample'));
  }
}

function word(hex: string, offset: number): number {
  return Buffer.from(hex, 'hex').readUInt32LE(offset);
}
