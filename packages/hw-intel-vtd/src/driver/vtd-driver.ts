import {
  Errno,
  read64,
  write64,
  type FrameAllocator,
  type IommuDevice,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { CAP_REG, ECAP_REG, type CapField, type EcapField } from '../layouts/capability-registers.js';
import {
  EVENT_CTL_REG,
  GCMD_REG,
  RTADDR_REG,
  TranslationTableMode,
  type GcmdField,
} from '../layouts/control-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import { SecondStageDomain, type DomainHost, type SecondStageTraits, type SecondStageUse } from './domain.js';
import { FaultReader, type LoggedFault } from './fault-reader.js';
import { InvalidationQueueWriter } from './invalidation-queue.js';
import {
  blockOf,
  contextGlobal,
  contextOfDevice,
  iotlbGlobal,
  iotlbOfDomain,
  iotlbOfPages,
  pasidCacheGlobal,
  pasidCacheOfDomain,
  pasidIotlbOfDomain,
  type Drain,
} from './invalidations.js';
import { StructureTables } from './structure-tables.js';

/** What the driver runs on. */
export interface VtdDriverEnvironment {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly mmio: MmioWindow;
  /** From ACPI's DMAR table, bits. */
  readonly hostAddressWidth: number;
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** Domain 0 is for what caching mode keeps of absent entries, 1 for pass-through. */
const FIRST_DOMAIN_ID = 2;
/** Where the fault event's message goes: vector and CPU of a PC. */
const FAULT_MESSAGE = { address: 0xfee0_0000, data: 0x21 } as const;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** The software half: what Linux 6.12's driver does with one VT-d unit. It knows memory and registers, nothing of the unit's insides. */
export class VtdDriver implements DomainHost {
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly traits: SecondStageTraits;
  /** Scalable mode with second-stage tables. */
  readonly isScalable: boolean;
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #mmio: MmioWindow;
  readonly #queue: InvalidationQueueWriter;
  readonly #tables: StructureTables;
  readonly #faults: FaultReader;
  readonly #drain: Drain;
  readonly #isCoherent: boolean;
  readonly #domainIds = new Set<number>();
  /** Domains by source id. */
  readonly #attached = new Map<number, SecondStageDomain>();
  #command = 0;

  /** Boots the unit. @throws RangeError without memory for its structures, or for a unit that Linux does not drive either */
  constructor(environment: VtdDriverEnvironment) {
    const { memory, frames, mmio, relax } = environment;
    this.#memory = memory;
    this.#frames = frames;
    this.#mmio = mmio;
    this.cap = read64(mmio, RegisterOffset.CAP);
    this.ecap = read64(mmio, RegisterOffset.ECAP);
    if (!this.#can('QI')) throw new RangeError('intelVtd: the driver needs queued invalidation (ECAP.QI)');
    this.traits = this.#traitsOf(environment.hostAddressWidth);
    this.isScalable = this.#can('SMTS') && this.#can('SSTS');
    this.#isCoherent = this.isScalable ? this.#can('SMPWCS') : this.#can('C');
    this.#drain = { DW: this.#has('DWD'), DR: this.#has('DRD') };
    this.#faults = new FaultReader(
      mmio,
      Number(CAP_REG.get(this.cap, 'FRO')) * 16,
      Number(CAP_REG.get(this.cap, 'NFR')) + 1,
    );
    this.#setCommand('TE', false);
    this.#setCommand('QIE', false);
    this.#queue = new InvalidationQueueWriter(memory, frames, mmio, this.isScalable, relax);
    this.#setCommand('QIE', true);
    const flush = (hi: number, lo: number, bytes: number): void => this.flushLines(hi, lo, bytes);
    this.#tables = new StructureTables(memory, frames, this.isScalable, this.#can('SMPWCS'), flush);
    this.#boot();
  }

  #boot(): void {
    this.#flushWriteBuffer();
    const mode = this.isScalable ? TranslationTableMode.SCALABLE : TranslationTableMode.LEGACY;
    write64(this.#mmio, RegisterOffset.RTADDR, RTADDR_REG.encode({ RTA: this.#tables.root >> 12n, TTM: mode }));
    this.#strobe('SRTP');
    this.#queue.submit(contextGlobal());
    if (this.isScalable) this.#queue.submit(pasidCacheGlobal());
    this.#queue.submit(iotlbGlobal(this.#drain));
    this.#mmio.write32(RegisterOffset.FEDATA, FAULT_MESSAGE.data);
    this.#mmio.write32(RegisterOffset.FEADDR, FAULT_MESSAGE.address | 0);
    this.#mmio.write32(RegisterOffset.FEUADDR, 0);
    this.handleFaults();
    this.#mmio.write32(
      RegisterOffset.FECTL,
      this.#mmio.read32(RegisterOffset.FECTL) & ~(Number(EVENT_CTL_REG.mask('IM')) | 0),
    );
    if (this.#has('PLMR') || this.#has('PHMR')) this.#mmio.write32(RegisterOffset.PMEN, 0);
    this.#setCommand('TE', true);
  }

  /** Faults that the unit recorded and the driver has read, oldest first. */
  get faults(): readonly LoggedFault[] {
    return this.#faults.faults;
  }

  /** Whether the hardware writes dirty bits of second-stage tables. */
  get hasDirtyTracking(): boolean {
    return this.isScalable && this.#can('SSADS');
  }

  /** Whether first-stage tables of users can be nested. */
  get hasNesting(): boolean {
    return this.isScalable && this.#can('NEST') && this.#can('FSTS');
  }

  /** The fault event's interrupt. */
  handleFaults(): void {
    this.#faults.drain();
  }

  /** @returns 0 or ENOMEM */
  addDevice(device: IommuDevice): number {
    return this.#tables.cover(device.requesterId) ? 0 : Errno.ENOMEM;
  }

  /** @returns the domain, or ENOMEM */
  allocDomain(use: SecondStageUse): SecondStageDomain | number {
    return SecondStageDomain.make(this, this.traits, use, this.#memory, this.#frames);
  }

  release(domain: SecondStageDomain): void {
    this.#domainIds.delete(domain.id);
  }

  /** Puts a device on a domain; it is blocked before, and stays blocked when that fails. @returns 0 or ENOSPC (no domain id left) */
  attach(device: IommuDevice, domain: SecondStageDomain): number {
    const sourceId = device.requesterId;
    this.detach(device);
    if (domain.id === 0) {
      const id = this.#freeDomainId();
      if (id === undefined) return Errno.ENOSPC;
      this.#domainIds.add(id);
      domain.id = id;
    }
    this.#attached.set(sourceId, domain);
    this.#tables.translate(sourceId, {
      root: domain.root,
      width: domain.traits.levels - 2,
      domainId: domain.id,
      tracksDirty: domain.isTracking,
    });
    // A unit that keeps absent entries keeps them under domain 0.
    if (!this.#has('CM')) this.#flushWriteBuffer();
    else if (this.isScalable) this.#queue.submit(pasidCacheOfDomain(domain.id), pasidIotlbOfDomain(domain.id));
    else {
      this.#queue.submit(contextOfDevice(0, sourceId));
      this.#queue.submit(iotlbOfDomain(domain.id, this.#drain));
    }
    return 0;
  }

  /** Blocks a device. A domain without devices gives back its id. */
  detach(device: IommuDevice): void {
    const sourceId = device.requesterId;
    const domain = this.#attached.get(sourceId);
    if (domain === undefined) return;
    this.#attached.delete(sourceId);
    this.#tables.setNotPresent(sourceId);
    this.#queue.submit(this.isScalable ? pasidCacheOfDomain(domain.id) : contextOfDevice(domain.id, sourceId));
    this.#queue.submit(iotlbOfDomain(domain.id, this.#drain));
    this.#tables.clear(sourceId);
    if (this.#isAttached(domain)) return;
    this.#domainIds.delete(domain.id);
    domain.id = 0;
  }

  flushRange(domain: SecondStageDomain, start: bigint, last: bigint, leafOnly: boolean): void {
    if (!this.#isAttached(domain)) return;
    const block = blockOf(start, last);
    const isWhole = (start === 0n && last === U64_MAX) || block.mask > Number(CAP_REG.get(this.cap, 'MAMV'));
    this.#queue.submit(
      isWhole || !this.#has('PSI')
        ? iotlbOfDomain(domain.id, this.#drain)
        : iotlbOfPages(domain.id, block, leafOnly, this.#drain),
    );
  }

  flushMapped(domain: SecondStageDomain, start: bigint, last: bigint): void {
    if (!this.#isAttached(domain)) return;
    if (this.#has('CM')) this.flushRange(domain, start, last, false);
    else this.#flushWriteBuffer();
  }

  flushLines(paHi: number, paLo: number, bytes: number): void {
    if (!this.#isCoherent) this.#memory.lineCache?.flush(paHi, paLo, bytes);
  }

  updateTracking(domain: SecondStageDomain): void {
    if (!this.#isAttached(domain)) return;
    for (const [sourceId, attached] of this.#attached) {
      if (attached === domain) this.#tables.setTracking(sourceId, domain.isTracking);
    }
    this.#queue.submit(pasidCacheOfDomain(domain.id));
    this.#queue.submit(iotlbOfDomain(domain.id, this.#drain));
  }

  #isAttached(domain: SecondStageDomain): boolean {
    for (const attached of this.#attached.values()) if (attached === domain) return true;
    return false;
  }

  #freeDomainId(): number | undefined {
    const count = 1 << Math.min(16, 4 + 2 * Number(CAP_REG.get(this.cap, 'ND')));
    for (let id = FIRST_DOMAIN_ID; id < count; id++) if (!this.#domainIds.has(id)) return id;
    return undefined;
  }

  /** Widest tables that the unit walks; MGAW may be narrower. @throws RangeError without any */
  #traitsOf(hostAddressWidth: number): SecondStageTraits {
    const widths = Number(CAP_REG.get(this.cap, 'SAGAW'));
    const levels = [5, 4, 3].find((count) => (widths & (1 << (count - 2))) !== 0);
    if (levels === undefined) throw new RangeError('intelVtd: the driver needs second-stage tables (CAP.SAGAW)');
    const pages = Number(CAP_REG.get(this.cap, 'SSLPS'));
    return {
      levels,
      addressWidth: Math.min(12 + 9 * levels, Number(CAP_REG.get(this.cap, 'MGAW')) + 1),
      hostAddressWidth,
      superpage2M: (pages & 1) !== 0,
      superpage1G: (pages & 2) !== 0,
      snoopControl: this.#can('SC'),
    };
  }

  #flushWriteBuffer(): void {
    if (this.#has('RWBF')) this.#strobe('WBF');
  }

  #has(field: CapField): boolean {
    return CAP_REG.get(this.cap, field) !== 0n;
  }

  #can(field: EcapField): boolean {
    return ECAP_REG.get(this.ecap, field) !== 0n;
  }

  /** A command that takes effect once. */
  #strobe(field: GcmdField): void {
    this.#mmio.write32(RegisterOffset.GCMD, this.#command | Number(GCMD_REG.mask(field)) | 0);
  }

  #setCommand(field: GcmdField, isOn: boolean): void {
    const bit = Number(GCMD_REG.mask(field)) | 0;
    this.#command = isOn ? this.#command | bit : this.#command & ~bit;
    this.#mmio.write32(RegisterOffset.GCMD, this.#command);
  }
}
