import {
  Errno,
  read64,
  write64,
  type FrameAllocator,
  type IommuDevice,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { EVENT_CTL_REG, PMEN_REG, RTADDR_REG, TranslationTableMode } from '../layouts/control-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import { PASID_ENTRY } from '../layouts/translation-structures.js';
import type { UnitPort } from './cache-tags.js';
import { DomainIds } from './domain-ids.js';
import type { SecondStageDomain } from './domain.js';
import { FaultReader, type LoggedFault } from './fault-reader.js';
import { GlobalCommandWriter } from './global-command.js';
import { InvalidationQueueWriter } from './invalidation-queue.js';
import {
  contextGlobal,
  contextOfDevice,
  iotlbGlobal,
  iotlbOfDomain,
  pasidCacheGlobal,
  pasidCacheOf,
  pasidIotlbOf,
  type Drain,
} from './invalidations.js';
import { UserDomain } from './nested-domain.js';
import { PASID_BITS, StructureTables } from './structure-tables.js';
import { contextEntry, nestedEntry, secondStageEntry } from './translation-entries.js';
import { UnitTraits } from './unit-traits.js';

/** What the driver runs on. */
export interface VtdDriverEnvironment {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly mmio: MmioWindow;
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** What devices can be attached to. */
export type VtdDomain = SecondStageDomain | UserDomain;

/** A device, or one of its PASIDs, on a domain. */
interface Attachment {
  readonly sourceId: number;
  readonly pasid: number;
  readonly domain: VtdDomain;
  readonly domainId: number;
  /** Address of its context or PASID entry. */
  readonly entry: bigint;
}

/** Stands for requests without PASID (RID_PASID of every context entry). */
const NO_PASID = 0;
/** Domain of what caching mode keeps of absent entries. */
const ABSENT_DOMAIN = 0;
/** Where the fault event's message goes: vector and CPU of a PC. */
const FAULT_MESSAGE = { address: 0xfee0_0000, data: 0x21 } as const;
const SSADE = PASID_ENTRY.mask('SSADE');

/** The software half: what Linux 6.12's driver does with one VT-d unit. It knows memory and registers, nothing of the unit's insides. */
export class VtdDriver implements UnitPort {
  readonly traits: UnitTraits;
  readonly cachingMode: boolean;
  readonly maxAddressMask: number;
  readonly drain: Drain;
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #command: GlobalCommandWriter;
  readonly #queue: InvalidationQueueWriter;
  readonly #tables: StructureTables;
  readonly #faults: FaultReader;
  readonly #domainIds: DomainIds<VtdDomain>;
  /** Source ids of devices that are there. */
  readonly #devices = new Set<number>();
  readonly #attachments = new Map<number, Attachment>();

  /**
   * Boots the unit.
   * @throws RangeError without memory for its structures, or for a unit that the driver cannot use
   */
  constructor({ memory, frames, mmio, relax }: VtdDriverEnvironment) {
    this.#memory = memory;
    this.#mmio = mmio;
    this.traits = new UnitTraits(read64(mmio, RegisterOffset.CAP), read64(mmio, RegisterOffset.ECAP));
    const { traits } = this;
    const { isScalable } = traits;
    this.cachingMode = traits.has('CM');
    this.maxAddressMask = traits.has('PSI') ? traits.value('MAMV') : -1;
    this.drain = { DW: traits.has('DWD'), DR: traits.has('DRD') };
    this.#domainIds = new DomainIds(traits.domainCount);
    this.#faults = new FaultReader(mmio, traits.value('FRO') * 16, traits.value('NFR') + 1);
    this.#command = new GlobalCommandWriter(mmio, relax);
    if (this.#command.isOn('TE')) this.#command.set('TE', 'TES', false);
    this.handleFaults();
    if (this.#command.isOn('QIE')) this.#command.set('QIE', 'QIES', false);
    const isPresent = (sourceId: number): boolean => this.#devices.has(sourceId);
    this.#queue = new InvalidationQueueWriter(memory, frames, mmio, isScalable, relax, isPresent);
    this.#command.set('QIE', 'QIES', true);
    const areStructuresSnooped = traits.can('C') && traits.isCoherent;
    this.#tables = new StructureTables(
      memory,
      frames,
      { isScalable, hasPasids: traits.pasidBits > 0 },
      areStructuresSnooped ? () => undefined : (hi, lo, bytes) => this.flushLines(hi, lo, bytes),
    );
    this.#boot();
  }

  #boot(): void {
    const { traits } = this;
    const { isScalable } = traits;
    this.flushWriteBuffer();
    const mode = isScalable ? TranslationTableMode.SCALABLE : TranslationTableMode.LEGACY;
    write64(this.#mmio, RegisterOffset.RTADDR, RTADDR_REG.encode({ RTA: this.#tables.root >> 12n, TTM: mode }));
    this.#command.strobe('SRTP', 'RTPS', true);
    if (!traits.has('ESRTPS')) {
      this.submit(contextGlobal());
      if (isScalable) this.submit(pasidCacheGlobal());
      this.submit(iotlbGlobal(this.drain));
    }
    this.flushWriteBuffer();
    this.#mmio.write32(RegisterOffset.FEDATA, FAULT_MESSAGE.data);
    this.#mmio.write32(RegisterOffset.FEADDR, FAULT_MESSAGE.address | 0);
    this.#mmio.write32(RegisterOffset.FEUADDR, 0);
    const mask = Number(EVENT_CTL_REG.mask('IM')) | 0;
    this.#mmio.write32(RegisterOffset.FECTL, this.#mmio.read32(RegisterOffset.FECTL) & ~mask);
    this.handleFaults();
    if (traits.has('PLMR') || traits.has('PHMR')) {
      const enable = Number(PMEN_REG.mask('EPM')) | 0;
      this.#mmio.write32(RegisterOffset.PMEN, this.#mmio.read32(RegisterOffset.PMEN) & ~enable);
    }
    this.#command.set('TE', 'TES', true);
  }

  /** Faults that the unit recorded and the driver has read, oldest first. */
  get faults(): readonly LoggedFault[] {
    return this.#faults.faults;
  }

  /** The fault event's interrupt. */
  handleFaults(): void {
    this.#faults.drain();
  }

  submit(...descriptors: readonly bigint[]): number {
    return this.#queue.submit(...descriptors);
  }

  flushWriteBuffer(): void {
    if (this.traits.has('RWBF')) this.#command.strobe('WBF', 'WBFS', false);
  }

  /** Writes cache lines back, for walks that do not snoop. */
  flushLines(paHi: number, paLo: number, bytes: number): void {
    this.#memory.lineCache?.flush(paHi, paLo, bytes);
  }

  /** log2 of the PASIDs that a device can have. */
  get pasidBits(): number {
    return Math.min(this.traits.pasidBits, PASID_BITS);
  }

  /** @returns 0 or ENOMEM */
  addDevice({ requesterId }: IommuDevice): number {
    if (!this.#tables.cover(requesterId)) return Errno.ENOMEM;
    if (this.traits.isScalable) {
      if (!this.#tables.addDirectory(requesterId)) return Errno.ENOMEM;
      if (this.cachingMode) {
        this.submit(contextOfDevice(ABSENT_DOMAIN, requesterId));
        this.submit(iotlbOfDomain(ABSENT_DOMAIN, this.drain));
      }
    }
    this.#devices.add(requesterId);
    return 0;
  }

  /** Blocks everything of the device; in scalable mode its PASID tables go. */
  removeDevice({ requesterId }: IommuDevice): void {
    for (const attachment of this.#attachments.values()) {
      if (attachment.sourceId === requesterId) this.#detach(attachment);
    }
    if (this.traits.isScalable) {
      this.#tables.setNotPresent(this.#tables.contextEntryAt(requesterId));
      this.submit(contextOfDevice(ABSENT_DOMAIN, requesterId));
      this.#tables.removeDirectory(requesterId);
    }
    this.#devices.delete(requesterId);
  }

  /**
   * Puts a device or a PASID on a domain. What it was on before is left first, as its domain's id may be taken again; on failure it is
   * back there.
   * @returns 0; EINVAL: the unit cannot use such a domain; ENODEV: the tables below a nested one have too many levels; ENOSPC: no
   * domain id is left; ENOMEM
   */
  attach({ requesterId }: IommuDevice, domain: VtdDomain, pasid: number = NO_PASID): number {
    const refusal = this.#refusalOf(domain, pasid);
    if (refusal !== 0) return refusal;
    const old = this.#attachments.get(keyOf(requesterId, pasid));
    if (old !== undefined) this.#detach(old);
    const errno = this.#attach(requesterId, domain, pasid);
    if (errno !== 0 && old !== undefined) this.#attach(requesterId, old.domain, pasid);
    return errno;
  }

  /** Blocks a device or a PASID. */
  detach({ requesterId }: IommuDevice, pasid: number = NO_PASID): void {
    const attachment = this.#attachments.get(keyOf(requesterId, pasid));
    if (attachment !== undefined) this.#detach(attachment);
  }

  /** Switches SSADE of everything on this unit that uses the domain or is nested on it. */
  setTracking(domain: SecondStageDomain, enabled: boolean): void {
    for (const attachment of this.#attachments.values()) {
      if (secondStageOf(attachment.domain) !== domain) continue;
      this.#tables.setBits(attachment.entry, SSADE, enabled);
      this.submit(pasidCacheOf(attachment.domainId, attachment.pasid));
      this.submit(iotlbOfDomain(attachment.domainId, this.drain));
    }
  }

  #refusalOf(domain: VtdDomain, pasid: number): number {
    const { traits } = this;
    const secondStage = secondStageOf(domain);
    const isNested = domain instanceof UserDomain;
    if (isNested && secondStage.traits.levels > traits.levels) return Errno.ENODEV;
    if (secondStage.isSnooped && !traits.snoopControl) return Errno.EINVAL;
    if (secondStage.dirty !== undefined && (!traits.hasDirtyTracking || pasid !== NO_PASID)) return Errno.EINVAL;
    // The domain may have pages wherever its aperture reaches.
    if (secondStage.traits.addressWidth > traits.addressWidth) return Errno.EINVAL;
    if (!traits.walksLevels(secondStage.traits.levels)) return Errno.EINVAL;
    return isNested ? this.#userStageRefusal(domain, pasid) : 0;
  }

  #userStageRefusal({ stage }: UserDomain, pasid: number): number {
    const { traits } = this;
    if (!traits.hasNesting || pasid !== NO_PASID) return Errno.EINVAL;
    if (stage.addressWidth !== 48 && (stage.addressWidth !== 57 || !traits.has('FS5LP'))) return Errno.EINVAL;
    if (stage.supervisor && !traits.can('SRS')) return Errno.EINVAL;
    return stage.extendedAccessed && !traits.can('EAFS') ? Errno.EINVAL : 0;
  }

  #attach(sourceId: number, domain: VtdDomain, pasid: number): number {
    const domainId = this.#domainIds.take(domain);
    if (domainId === undefined) return Errno.ENOSPC;
    const entry = this.#tables.entryAt(sourceId, pasid);
    if (entry === undefined) {
      this.#domainIds.release(domain);
      return Errno.ENOMEM;
    }
    this.#tables.write(entry, this.#entryFor(domain, domainId));
    if (!this.cachingMode) this.flushWriteBuffer();
    else if (this.traits.isScalable) {
      this.submit(pasidCacheOf(domainId, pasid));
      this.submit(pasidIotlbOf(domainId, pasid));
    } else {
      this.submit(contextOfDevice(ABSENT_DOMAIN, sourceId));
      this.submit(iotlbOfDomain(domainId, this.drain));
    }
    domain.tags.assign(this, domainId, pasid);
    if (domain instanceof UserDomain) domain.parent.tags.assign(this, domainId, pasid);
    this.#attachments.set(keyOf(sourceId, pasid), { sourceId, pasid, domain, domainId, entry });
    return 0;
  }

  #entryFor(domain: VtdDomain, domainId: number): bigint {
    const secondStage = secondStageOf(domain);
    const stage = { root: secondStage.root, levels: secondStage.traits.levels, domainId };
    if (!this.traits.isScalable) return contextEntry(stage);
    const traits = { walkSnoop: this.traits.can('SMPWCS'), tracksDirty: secondStage.isTracking };
    return domain instanceof UserDomain
      ? nestedEntry(stage, traits, domain.stage, secondStage.isSnooped)
      : secondStageEntry(stage, traits);
  }

  /** Not present, out of the caches, zero: in this order (VT-d 6.5.3.3). */
  #detach({ sourceId, pasid, domain, domainId, entry }: Attachment): void {
    domain.tags.unassign(this, domainId, pasid);
    if (domain instanceof UserDomain) domain.parent.tags.unassign(this, domainId, pasid);
    this.#tables.setNotPresent(entry);
    this.submit(this.traits.isScalable ? pasidCacheOf(domainId, pasid) : contextOfDevice(domainId, sourceId));
    this.submit(iotlbOfDomain(domainId, this.drain));
    this.#tables.write(entry, 0n);
    this.#domainIds.release(domain);
    this.#attachments.delete(keyOf(sourceId, pasid));
  }
}

const keyOf = (sourceId: number, pasid: number): number => sourceId + pasid * 0x1_0000;
const secondStageOf = (domain: VtdDomain): SecondStageDomain => (domain instanceof UserDomain ? domain.parent : domain);
