import {
  Access,
  NO_PASID,
  type PhysicalMemory,
  type RegisterFile,
  type Translation,
  type UnitCounters,
} from '@ioasis/core';
import { InvalidRequestType } from '../layouts/events.js';
import type { AmdViConfiguration } from '../options.js';
import { DeviceAction, type DeviceEntry } from './device-entry.js';
import type { DeviceTable } from './device-table.js';
import { isExcluded } from './exclusion-range.js';
import { FaultReporter, type AmdViFault } from './fault-reporter.js';
import { GuestWalk } from './guest-walk.js';
import { HostWalk } from './host-walk.js';
import { Request } from './request.js';
import {
  hyperTransportVerdict,
  interruptVerdict,
  isHyperTransportRange,
  isInterruptRange,
  type SpecialVerdict,
} from './special-ranges.js';
import { EntryKind, HOST_TAG, type TranslationCaches } from './translation-caches.js';
import { walkFromCache } from './walk-from-cache.js';
import type { UnitControl } from './unit-control.js';
import type { LogSink } from './unit-log.js';
import type { Watch } from './watch.js';

/** What the request path needs of its unit. */
export interface RequestPathParts {
  readonly memory: PhysicalMemory;
  readonly configuration: AmdViConfiguration;
  readonly registers: RegisterFile;
  readonly control: UnitControl;
  readonly deviceTable: DeviceTable;
  readonly caches: TranslationCaches;
  readonly counters: UnitCounters;
  readonly translation: Translation;
  readonly events: LogSink;
  readonly watch: Watch;
  /** False: nothing changes in memory; for looking only. */
  readonly isLive: boolean;
}

const PAGE_SHIFT = 12;
const RIGHTS = Access.READ | Access.WRITE | Access.EXECUTE;

/** A request from its arrival to an address or a fault, in the order of 48882 2.1 and 2.2, with every cache that it meets. */
export class RequestPath {
  readonly request: Request = new Request();
  readonly reporter: FaultReporter;
  readonly host: HostWalk;
  readonly guest: GuestWalk;
  readonly #parts: RequestPathParts;

  constructor(parts: RequestPathParts) {
    const { memory, configuration, caches, events, watch, isLive } = parts;
    const { request } = this;
    this.#parts = parts;
    this.reporter = new FaultReporter(events, request, caches.faulted, watch);
    const { reporter } = this;
    this.host = new HostWalk(memory, reporter, isLive);
    const { capabilities } = configuration;
    this.guest = new GuestWalk({ memory, capabilities, caches, request, host: this.host, reporter, isLive });
  }

  translate(deviceId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    this.request.set(deviceId, pasid, iovaHi, iovaLo, access);
    const { control, registers } = this.#parts;
    if (!control.enabled) return this.#pass(RIGHTS);

    // 1. The device table entry.
    const entry = this.entryOf(deviceId);
    if ('vendor' in entry) return this.#refuse(entry);
    if (entry.action === DeviceAction.FORWARD) return this.#forward(access);
    if (this.isIllegal(entry)) return this.#refuse(this.reporter.illegalDeviceTableEntry(true));

    // 2. Requests that are no accesses to memory.
    if (pasid === NO_PASID) {
      const verdict = verdictOf(entry, iovaHi, iovaLo, access);
      if (verdict.kind === 'pass') return this.#pass(RIGHTS);
      if (verdict.kind === 'invalid') return this.#refuse(this.reporter.invalidDeviceRequest(verdict.type));
      if (verdict.kind === 'interrupt-blocked') {
        return this.#refuse(this.reporter.pageFault(entry, { present: false, interrupt: true }));
      }
    }

    // 3. Translated and translation requests need DTE.I.
    if ((access & (Access.TRANSLATED | Access.TRANSLATION_REQUEST)) !== 0 && !entry.deviceTlb) {
      return this.#refuse(this.reporter.invalidDeviceRequest(InvalidRequestType.PRETRANSLATED));
    }
    if ((access & Access.TRANSLATED) !== 0) return this.#pass(RIGHTS);
    if (isExcluded(registers, entry, iovaHi, iovaLo)) return this.#pass(RIGHTS);
    if (entry.action === DeviceAction.BLOCK) return this.#refuse(this.reporter.pageFault(entry, { present: false }));

    // 4. Which tables: the PASID of the request, or PASID 0 under GIoV, goes to the guest tables.
    const guestPasid = pasid !== NO_PASID ? pasid : entry.guest && entry.guestWithoutPasid ? 0 : NO_PASID;
    if (guestPasid !== NO_PASID && !entry.guest)
      return this.#refuse(this.reporter.pageFault(entry, { present: false }));
    const wanted = access & (RIGHTS | Access.PRIVILEGED);
    if ((wanted & RIGHTS & ~entry.rights) !== 0) {
      return this.#refuse(this.reporter.pageFault(entry, { present: true, permission: true }));
    }
    if (guestPasid !== NO_PASID) return this.#translateGuest(entry, guestPasid, wanted);
    return entry.action === DeviceAction.IDENTITY ? this.#pass(entry.rights) : this.#translateHost(entry, wanted);
  }

  /** The device table entry of a device, from the cache or from memory; or the fault of reading it. */
  entryOf(deviceId: number): DeviceEntry | AmdViFault {
    const { caches, counters, deviceTable } = this.#parts;
    const cached = caches.devices.find(deviceId, 0);
    if (cached !== null) return cached;
    const entry = deviceTable.fetch(deviceId);
    if (entry === 'beyond-table') return this.reporter.illegalDeviceTableEntry(false);
    counters.walkReads++;
    if (entry === 'no-memory') {
      return this.reporter.deviceTableError(deviceTable.place.entryHi, deviceTable.place.entryLo);
    }
    caches.keepDevice(deviceId, entry);
    return entry;
  }

  /** Reserved bits or encodings, or guest tables while Control.GTEn is 0. */
  isIllegal(entry: DeviceEntry): boolean {
    return entry.action === DeviceAction.ILLEGAL || (entry.guest && !this.#parts.control.guestTables);
  }

  /** A page request that its sender may not make; the request is set. */
  refusePageRequest(tag: number): void {
    this.#refuse(this.reporter.invalidPageRequest(tag));
  }

  /** V = 0: everything passes, but a device without DTE.I has no business with translations (48882 2.2.2.1, Table 7). */
  #forward(access: number): boolean {
    if ((access & (Access.TRANSLATED | Access.TRANSLATION_REQUEST)) === 0) return this.#pass(RIGHTS);
    return this.#refuse(this.reporter.invalidDeviceRequest(InvalidRequestType.PRETRANSLATED));
  }

  #translateHost(entry: DeviceEntry, access: number): boolean {
    const { caches, configuration, counters } = this.#parts;
    const { iotlb } = caches;
    const { request } = this;
    const { iovaHi, iovaLo } = request;
    const { domainId } = entry;
    if (iotlb.lookup(iovaHi, iovaLo, domainId, HOST_TAG)) {
      if ((iotlb.attributes & EntryKind.NOT_PRESENT) !== 0) {
        counters.iotlbHits++;
        return this.#refuse(this.reporter.pageFault(entry, { present: false }));
      }
      if ((access & RIGHTS & ~iotlb.permissions) === 0) return this.#hit(entry);
    }

    counters.iotlbMisses++;
    const walker = this.host.walkerOf(entry);
    const isAllowed = walkFromCache(walker, this.host.rootOf(entry), caches, request, domainId, HOST_TAG, access);
    counters.walkReads += walker.reads;
    if (!isAllowed) {
      const fault = this.host.faultOf(entry, walker, access);
      if (configuration.caches.negative && fault.details['present'] === false)
        caches.keepPage(request, EntryKind.HOST | EntryKind.NOT_PRESENT, domainId, HOST_TAG, PAGE_SHIFT, 0, 0, 0);
      return this.#refuse(fault);
    }
    const rights = walker.permissions(false);
    caches.keepPage(request, EntryKind.HOST, domainId, HOST_TAG, walker.pageShift, walker.paHi, walker.paLo, rights);
    return this.#answer(walker.paHi, walker.paLo, walker.pageShift, rights & entry.rights);
  }

  #translateGuest(entry: DeviceEntry, pasid: number, access: number): boolean {
    const { caches, counters } = this.#parts;
    const { iotlb } = caches;
    const { request, guest } = this;
    const { iovaHi, iovaLo } = request;
    const { domainId } = entry;
    if (!guest.inRange(entry)) return this.#refuse(this.reporter.pageFault(entry, { present: false }));
    // Rights depend on the privilege of the request: privileged ones are not cached.
    const isCacheable = (access & Access.PRIVILEGED) === 0;
    if (isCacheable && iotlb.lookup(iovaHi, iovaLo, domainId, pasid) && (access & RIGHTS & ~iotlb.permissions) === 0) {
      return this.#hit(entry);
    }
    counters.iotlbMisses++;
    const fault = guest.translate(entry, pasid, access);
    counters.walkReads += guest.reads;
    if (fault !== null) return this.#refuse(fault);
    const kind = entry.action === DeviceAction.HOST ? EntryKind.NESTED : EntryKind.GUEST;
    const { pageShift, paHi, paLo, rights } = guest;
    if (isCacheable) caches.keepPage(request, kind, domainId, pasid, pageShift, paHi, paLo, rights);
    return this.#answer(paHi, paLo, pageShift, rights & entry.rights);
  }

  #hit(entry: DeviceEntry): true {
    const { iotlb } = this.#parts.caches;
    this.#parts.counters.iotlbHits++;
    return this.#answer(iotlb.paHi, iotlb.paLo, iotlb.pageShift, iotlb.permissions & entry.rights);
  }

  #pass(permissions: number): true {
    return this.#answer(this.request.iovaHi, this.request.iovaLo, PAGE_SHIFT, permissions);
  }

  #answer(hi: number, lo: number, pageShift: number, rights: number): true {
    const { translation, caches } = this.#parts;
    translation.paHi = hi;
    translation.paLo = lo;
    translation.pageShift = pageShift;
    translation.permissions = rights;
    if ((this.request.access & Access.TRANSLATION_REQUEST) !== 0) caches.deviceKeeps(this.request, pageShift, hi, lo);
    return true;
  }

  #refuse(fault: AmdViFault): false {
    const { counters, translation } = this.#parts;
    counters.faults++;
    translation.fault = fault;
    return false;
  }
}

function verdictOf(entry: DeviceEntry, hi: number, lo: number, access: number): SpecialVerdict {
  if (isInterruptRange(hi, lo)) return interruptVerdict(entry, access);
  if (isHyperTransportRange(hi)) return hyperTransportVerdict(entry, hi, lo, access);
  return { kind: 'ordinary' };
}
