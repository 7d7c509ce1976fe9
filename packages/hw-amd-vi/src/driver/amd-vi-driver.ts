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
import { HostDomain, type DomainHost } from './domain.js';
import { EventReader, type LoggedEvent } from './event-reader.js';
import { invalidateAll, invalidateDevice, invalidateDomain, invalidatePages } from './invalidations.js';

/** What the driver runs on. */
export interface AmdViDriverEnvironment {
  readonly memory: PhysicalMemory;
  readonly frames: FrameAllocator;
  readonly mmio: MmioWindow;
  /** The PCI capability's NpCache bit. */
  readonly npCache: boolean;
  /** Lets the hardware go on while the driver polls. */
  readonly relax: () => void;
}

/** Control.InvTimeOut: 1 s. */
const INVALIDATION_TIMEOUT = 4;
const LAST_DOMAIN_ID = 0xffff;

/** The software half: what Linux 6.12's driver does with one AMD IOMMU. It knows memory and registers, nothing of the unit's insides. */
export class AmdViDriver implements DomainHost {
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #mmio: MmioWindow;
  readonly #npCache: boolean;
  readonly #features: bigint;
  readonly #commands: CommandQueue;
  readonly #table: DeviceTableWriter;
  readonly #events: EventReader;
  readonly #domainIds = new Set<number>();
  /** Domains by DeviceID. */
  readonly #attached = new Map<number, HostDomain>();

  /** Boots the unit. @throws RangeError without memory for its structures */
  constructor(environment: AmdViDriverEnvironment) {
    const { memory, frames, mmio, npCache, relax } = environment;
    this.#memory = memory;
    this.#frames = frames;
    this.#mmio = mmio;
    this.#npCache = npCache;
    this.#features = read64(mmio, Register.EXTENDED_FEATURE);
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

  /** Whether the hardware writes dirty bits of host tables. */
  get hasDirtyTracking(): boolean {
    return this.#has('HA_SUP') && this.#has('HD_SUP');
  }

  /** Events that the unit logged and the driver has read, oldest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events.events;
  }

  /** The event log's interrupt. */
  handleEvents(): void {
    this.#events.drain();
  }

  /** @returns 0 or ENOMEM */
  addDevice(device: IommuDevice): number {
    if (!this.#table.cover(device.requesterId)) return Errno.ENOMEM;
    this.#flushEverything();
    return 0;
  }

  /** @returns the domain, or ENOMEM, or ENOSPC when all domain ids are taken */
  allocDomain(dirtyTracking: boolean): HostDomain | number {
    let id = 1;
    while (this.#domainIds.has(id)) id++;
    if (id > LAST_DOMAIN_ID) return Errno.ENOSPC;
    const domain = HostDomain.make(id, this, this.#npCache, dirtyTracking, this.#memory, this.#frames);
    if (typeof domain !== 'number') this.#domainIds.add(id);
    return domain;
  }

  release(domain: HostDomain): void {
    this.#domainIds.delete(domain.id);
  }

  /** Puts a device on a domain; a device that is on another one is blocked first. @returns 0 or EINVAL */
  attach(device: IommuDevice, domain: HostDomain): number {
    if (this.#attached.get(device.requesterId) === domain) return 0;
    if (domain.dirty !== undefined && !this.hasDirtyTracking) return Errno.EINVAL;
    if (this.#attached.has(device.requesterId)) this.detach(device);
    this.#attached.set(device.requesterId, domain);
    this.#writeEntry(device.requesterId, domain);
    this.#commands.sync();
    return 0;
  }

  /** Blocks a device. */
  detach(device: IommuDevice): void {
    const domain = this.#attached.get(device.requesterId);
    if (domain === undefined) return;
    this.#attached.delete(device.requesterId);
    this.#table.block(device.requesterId);
    this.#commands.queue(invalidateDevice(device.requesterId));
    this.#commands.queue(invalidateDomain(domain.id));
    this.#commands.sync();
  }

  flushRange(domain: HostDomain, start: bigint, last: bigint): void {
    if (![...this.#attached.values()].includes(domain)) return;
    for (const [first, end] of this.#npCache ? alignedPieces(start, last) : [[start, last] as const]) {
      this.#commands.queue(invalidatePages(domain.id, first, end));
    }
    this.#commands.sync();
  }

  updateDevices(domain: HostDomain): void {
    for (const [deviceId, attached] of this.#attached) {
      if (attached === domain) this.#writeEntry(deviceId, domain);
    }
    this.#commands.sync();
  }

  #writeEntry(deviceId: number, domain: HostDomain): void {
    const oldDomainId = this.#table.domainIdOf(deviceId);
    this.#table.translate(deviceId, {
      root: domain.root,
      levels: domain.levels,
      domainId: domain.id,
      tracksDirty: domain.isTracking,
    });
    if (oldDomainId !== 0) this.#commands.queue(invalidateDomain(oldDomainId));
    this.#commands.queue(invalidateDevice(deviceId));
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
    let value = read64(this.#mmio, Register.CONTROL);
    for (const field of Object.keys(values) as ControlField[]) value &= ~CONTROL.mask(field);
    write64(this.#mmio, Register.CONTROL, value | CONTROL.encode(values));
  }
}

/** Cuts `[start, last]` into naturally aligned powers of two: a hypervisor walks what is flushed, so nothing more is. */
function* alignedPieces(start: bigint, last: bigint): Generator<readonly [bigint, bigint]> {
  for (let at = start; at <= last;) {
    let size = at === 0n ? 1n << 63n : at & -at;
    while (at + size - 1n > last) size >>= 1n;
    yield [at, at + size - 1n];
    at += size;
  }
}
