import {
  Errno,
  read64,
  write64,
  type FrameAllocator,
  type IommuDevice,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { Register } from '../layouts/register-offsets.js';
import { CONTROL, EXTENDED_FEATURE, type ControlField, type FeatureField } from '../layouts/registers.js';
import { CommandQueue } from './command-queue.js';
import { DeviceTableWriter } from './device-table-writer.js';
import { DomainIds } from './domain-ids.js';
import { EventReader, type LoggedEvent } from './event-reader.js';
import { Gcr3Table } from './gcr3-table.js';
import { alignedPieces, invalidateAll, invalidateDevice, invalidateDomain, invalidatePages } from './invalidations.js';
import { PagingDomain, type DomainHost } from './paging-domain.js';
import { tableTraits, type PageTables, type TableTraits } from './table-traits.js';

/** What the driver runs on. */
export interface AmdViDriverEnvironment {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly mmio: MmioWindow;
  /** The PCI capability's NpCache bit. */
  readonly npCache: boolean;
  /** Which tables domains get (Linux: `amd_iommu=pgtbl_v1`, `pgtbl_v2`); v2 needs GTSup and GIoSup. */
  readonly pageTables: PageTables;
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** What the driver knows of a device that is on a domain. */
interface AttachedDevice {
  readonly domain: PagingDomain;
  /** Of a domain on guest tables; null on host tables. */
  readonly gcr3: Gcr3Table | null;
}

/** Control.InvTimeOut: 1 s. */
const INVALIDATION_TIMEOUT = 4;

/** The software half: what Linux 6.12's driver does with one AMD IOMMU. It knows memory and registers, nothing of the unit's insides. */
export class AmdViDriver implements DomainHost {
  readonly #environment: AmdViDriverEnvironment;
  readonly #features: bigint;
  readonly #traits: TableTraits;
  readonly #commands: CommandQueue;
  readonly #table: DeviceTableWriter;
  readonly #events: EventReader;
  readonly #domainIds = new DomainIds();
  /** By DeviceID. */
  readonly #attached = new Map<number, AttachedDevice>();

  /** Boots the unit. @throws RangeError without memory for its structures */
  constructor(environment: AmdViDriverEnvironment) {
    const { memory, frames, mmio, pageTables, relax } = environment;
    this.#environment = environment;
    this.#features = read64(mmio, Register.EXTENDED_FEATURE);
    this.#traits = tableTraits(pageTables, EXTENDED_FEATURE.get(this.#features, 'GATS') === 1n ? 5 : 4);
    this.#setControl({ IOMMU_EN: 0, CMD_BUF_EN: 0, EVENT_LOG_EN: 0, EVENT_INT_EN: 0 });
    this.#table = new DeviceTableWriter(memory, frames, mmio);
    this.#commands = new CommandQueue(memory, frames, mmio, relax);
    write64(mmio, Register.COMMAND_BUFFER_BASE, this.#commands.baseRegister);
    write64(mmio, Register.COMMAND_BUFFER_HEAD, 0n);
    write64(mmio, Register.COMMAND_BUFFER_TAIL, 0n);
    this.#setControl({ CMD_BUF_EN: 1 });
    this.#events = new EventReader(memory, frames, mmio);
    write64(mmio, Register.EVENT_LOG_BASE, this.#events.baseRegister);
    write64(mmio, Register.EVENT_LOG_HEAD, 0n);
    write64(mmio, Register.EVENT_LOG_TAIL, 0n);
    this.#setControl({ EVENT_LOG_EN: 1 });
    this.#setControl({ HT_TUN_EN: 1, COHERENT: 1, INV_TIME_OUT: INVALIDATION_TIMEOUT });
    this.#setControl({ GT_EN: this.#has('GT_SUP'), EVENT_INT_EN: 1 });
    this.#setControl({ IOMMU_EN: 1 });
    this.#flushEverything();
  }

  /** Whether domains may be made that track dirty pages: the hardware writes dirty bits of host tables. */
  get hasDirtyTracking(): boolean {
    return this.#has('HD_SUP') && this.#traits.tables === 'v1';
  }

  /** Events that the unit logged and the driver has read, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events.events;
  }

  /** The event log's interrupt: reads the log, and starts it again when it ran over. */
  handleEvents(): void {
    this.#events.drain();
    if (!this.#events.hasOverflowed) return;
    this.#setControl({ EVENT_LOG_EN: 0, EVENT_INT_EN: 0 });
    this.#events.acknowledgeOverflow();
    this.#setControl({ EVENT_INT_EN: 1 });
    this.#setControl({ EVENT_LOG_EN: 1 });
  }

  /** @returns 0 or ENOMEM */
  addDevice(device: IommuDevice): number {
    if (!this.#table.cover(device.requesterId)) return Errno.ENOMEM;
    this.#flushEverything();
    return 0;
  }

  /** @returns the domain; ENOMEM, also when all domain ids are taken; EOPNOTSUPP for tracking without hardware for it */
  allocDomain(isTracked: boolean): PagingDomain | number {
    if (isTracked && !this.hasDirtyTracking) return Errno.EOPNOTSUPP;
    const id = this.#domainIds.take();
    if (id === undefined) return Errno.ENOMEM;
    const { memory, frames, npCache } = this.#environment;
    const domain = PagingDomain.make({ id, host: this, traits: this.#traits, npCache, isTracked, memory, frames });
    if (typeof domain === 'number') this.#domainIds.give(id);
    return domain;
  }

  release(domain: PagingDomain): void {
    this.#domainIds.give(domain.id);
  }

  /**
   * Puts a device on a domain; a device that is on another one is blocked first.
   * @returns 0, or ENOMEM: the old state stays
   */
  attach(device: IommuDevice, domain: PagingDomain): number {
    const { requesterId } = device;
    const old = this.#attached.get(requesterId);
    if (old?.domain === domain) return 0;
    let gcr3: Gcr3Table | null = null;
    if (domain.traits.tables === 'v2') {
      const { memory, frames } = this.#environment;
      const frame = frames.allocate(0);
      const id = frame < 0 ? undefined : this.#domainIds.take();
      if (id === undefined) {
        if (frame >= 0) frames.free(frame, 0);
        return Errno.ENOMEM;
      }
      gcr3 = new Gcr3Table(memory, frames, frame, id);
    }
    if (old !== undefined) this.detach(device);
    if (gcr3 !== null) this.#pointTo(gcr3, domain.root);
    const attached = { domain, gcr3 };
    this.#attached.set(requesterId, attached);
    this.#writeEntry(requesterId, attached);
    this.#commands.queue(invalidateDevice(requesterId));
    this.#commands.sync();
    return 0;
  }

  /** Blocks a device. */
  detach(device: IommuDevice): void {
    const { requesterId } = device;
    const attached = this.#attached.get(requesterId);
    if (attached === undefined) return;
    this.#table.block(requesterId);
    this.#commands.queue(invalidateDevice(requesterId));
    this.#commands.sync();
    this.flushRange(attached.domain, 0n, 0xffff_ffff_ffff_ffffn);
    this.#attached.delete(requesterId);
    const { gcr3 } = attached;
    if (gcr3 === null) return;
    this.#pointTo(gcr3, null);
    gcr3.free();
    this.#domainIds.give(gcr3.domainId);
  }

  flushRange(domain: PagingDomain, start: bigint, last: bigint): void {
    const devices = this.#on(domain);
    if (devices.length === 0) return;
    const pieces = this.#environment.npCache ? alignedPieces(start, last) : [[start, last] as const];
    for (const [first, end] of pieces) {
      if (domain.traits.tables === 'v1') this.#commands.queue(invalidatePages(domain.id, first, end));
      else {
        for (const [, { gcr3 }] of devices) this.#commands.queue(invalidatePages(gcr3!.domainId, first, end, 'guest'));
      }
    }
    this.#commands.sync();
  }

  rootChanged(domain: PagingDomain): void {
    const devices = this.#on(domain);
    for (const [deviceId, attached] of devices) this.#writeEntry(deviceId, attached);
    for (const [deviceId] of devices) this.#commands.queue(invalidateDevice(deviceId));
    this.#commands.sync();
  }

  /** The next write of each page walks again, and so marks it. */
  setTracking(domain: PagingDomain, enabled: boolean): void {
    for (const [deviceId] of this.#on(domain)) {
      this.#table.setTracking(deviceId, enabled);
      this.#commands.queue(invalidateDevice(deviceId));
    }
    domain.flushAll();
  }

  #on(domain: PagingDomain): [number, AttachedDevice][] {
    return [...this.#attached].filter(([, attached]) => attached.domain === domain);
  }

  /** Changes PASID 0 of a GCR3 table, and has the caches forget what it led to. */
  #pointTo(gcr3: Gcr3Table, root: bigint | null): void {
    gcr3.set(root);
    this.#commands.queue(invalidateDomain(gcr3.domainId, 'guest'));
    this.#commands.sync();
  }

  /** Writes an entry, without invalidating it. What caches hold under the DomainID that it had goes. */
  #writeEntry(deviceId: number, { domain, gcr3 }: AttachedDevice): void {
    const oldDomainId = this.#table.domainIdOf(deviceId);
    const { levels, root } = domain;
    this.#table.translate(
      deviceId,
      gcr3 === null
        ? { kind: 'host', domainId: domain.id, root, levels, tracksDirty: domain.isTracking }
        : { kind: 'guest', domainId: gcr3.domainId, gcr3: gcr3.address, levels },
    );
    if (oldDomainId === 0) return;
    this.#commands.queue(invalidateDomain(oldDomainId));
    this.#commands.sync();
  }

  /** All caches, at boot and when the device table moved. */
  #flushEverything(): void {
    if (this.#has('IA_SUP')) this.#commands.queue(invalidateAll());
    else {
      for (const deviceId of this.#attached.keys()) this.#commands.queue(invalidateDevice(deviceId));
      for (const id of this.#domainIds) this.#commands.queue(invalidateDomain(id));
    }
    this.#commands.sync();
  }

  #has(field: FeatureField): boolean {
    return EXTENDED_FEATURE.get(this.#features, field) !== 0n;
  }

  #setControl(values: Partial<Record<ControlField, number | boolean>>): void {
    const { mmio } = this.#environment;
    let value = read64(mmio, Register.CONTROL);
    for (const field of Object.keys(values) as ControlField[]) value &= ~CONTROL.mask(field);
    write64(mmio, Register.CONTROL, value | CONTROL.encode(values));
  }
}
