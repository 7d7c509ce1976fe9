import {
  Access,
  NO_PASID,
  RegisterFile,
  Translation,
  UnitCounters,
  type PhysicalMemory,
  type RegisterSink,
  type TranslationUnit,
  type TranslationWalk,
} from '@ioasis/core';
import { HardwareErrorType, InvalidRequestType } from '../layouts/events.js';
import { MMIO_BYTES, Register } from '../layouts/register-offsets.js';
import { CONTROL, EXCLUSION_BASE, STATUS, type ControlField } from '../layouts/registers.js';
import { amdViConfiguration, type AmdViConfiguration, type AmdViOptions } from '../options.js';
import { CommandProcessor } from './command-processor.js';
import { DeviceAction, type DeviceEntry } from './device-entry.js';
import { DeviceTable } from './device-table.js';
import { explainWalk } from './explain.js';
import { FaultReporter, Request, type AmdViFault } from './fault-reporter.js';
import { GuestWalk } from './guest-walk.js';
import { HostWalk } from './host-walk.js';
import { Hook, registerDefinitions } from './register-definitions.js';
import {
  hyperTransportVerdict,
  interruptVerdict,
  isHyperTransportRange,
  isInterruptRange,
  type SpecialVerdict,
} from './special-ranges.js';
import { EntryKind, HOST_TAG, TranslationCaches } from './translation-caches.js';
import { EVENT_LOG, PPR_LOG, UnitLog } from './unit-log.js';
import { NO_PORTS, type UnitPorts } from './unit-ports.js';

/** What a unit is made from. */
export interface AmdViUnitEnvironment {
  readonly memory: PhysicalMemory;
  readonly options?: AmdViOptions;
  readonly ports?: UnitPorts;
}

const control = (field: ControlField): bigint => CONTROL.mask(field);
const COMMANDS_RUN = control('IOMMU_EN') | control('CMD_BUF_EN');
const EVENTS_RUN = control('IOMMU_EN') | control('EVENT_LOG_EN');
const PPR_RUN = control('IOMMU_EN') | control('PPR_LOG_EN');
const RIGHTS = Access.READ | Access.WRITE | Access.EXECUTE;

/** An AMD IOMMU: knows memory and MMIO, nothing of any driver (48882). */
export class AmdViUnit implements TranslationUnit, RegisterSink {
  readonly configuration: AmdViConfiguration;
  readonly translation: Translation = new Translation();
  readonly counters: UnitCounters = new UnitCounters();
  readonly deviceTable: DeviceTable;
  readonly caches: TranslationCaches;
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #request = new Request();
  readonly #events: UnitLog;
  readonly #pprLog: UnitLog;
  readonly #reporter: FaultReporter;
  readonly #commands: CommandProcessor;
  readonly #host: HostWalk;
  readonly #guest: GuestWalk;
  #enabled = false;

  /** @throws RangeError for wrong options */
  constructor(environment: AmdViUnitEnvironment) {
    const { memory, ports = NO_PORTS } = environment;
    const configuration = amdViConfiguration(environment.options);
    const { capabilities } = configuration;
    this.configuration = configuration;
    this.#memory = memory;
    this.#registers = new RegisterFile(MMIO_BYTES, registerDefinitions(capabilities), this);
    const raise = (enable: ControlField, source: 'event-log' | 'ppr-log') => (): void => {
      if ((this.#control() & control(enable)) !== 0n) ports.interrupt(source);
    };
    this.#events = new UnitLog(memory, this.#registers, EVENT_LOG, raise('EVENT_INT_EN', 'event-log'));
    this.#pprLog = new UnitLog(memory, this.#registers, PPR_LOG, raise('PPR_INT_EN', 'ppr-log'));
    this.#reporter = new FaultReporter(this.#events, this.#request);
    this.deviceTable = new DeviceTable(memory, capabilities, configuration.dteFetchBits);
    this.caches = new TranslationCaches(configuration.caches);
    this.#host = new HostWalk(memory, this.#reporter);
    this.#guest = new GuestWalk(memory, capabilities, this.#host, this.#reporter);
    this.#commands = new CommandProcessor(
      memory,
      this.#registers,
      capabilities,
      this.caches,
      this.#reporter,
      this.counters,
      ports,
    );
    this.reset();
  }

  get mmioBytes(): number {
    return MMIO_BYTES;
  }

  read32(offset: number): number {
    return this.#registers.read32(offset);
  }

  write32(offset: number, value: number): void {
    this.#registers.write32(offset, value);
  }

  write64(offset: number, hi: number, lo: number): void {
    this.#registers.write64(offset, hi, lo);
  }

  reset(): void {
    this.#registers.reset();
    this.caches.clear();
    this.deviceTable.configure(0, 0, 0);
    this.deviceTable.enableSegments(0);
    this.#enabled = false;
  }

  step(limit: number = Number.MAX_SAFE_INTEGER): number {
    return this.configuration.completion === 'stepped' ? this.#commands.run(limit) : 0;
  }

  registerWritten(hook: number): void {
    const registers = this.#registers;
    switch (hook) {
      case Hook.DEVICE_TABLE:
        this.deviceTable.configure(
          0,
          registers.get(Register.DEVICE_TABLE_BASE + 4),
          registers.get(Register.DEVICE_TABLE_BASE),
        );
        return;
      case Hook.COMMAND_BASE:
        this.#resetPointers(Register.COMMAND_BUFFER_HEAD, Register.COMMAND_BUFFER_TAIL);
        return;
      case Hook.EVENT_BASE:
        this.#resetPointers(Register.EVENT_LOG_HEAD, Register.EVENT_LOG_TAIL);
        return;
      case Hook.PPR_BASE:
        this.#resetPointers(Register.PPR_LOG_HEAD, Register.PPR_LOG_TAIL);
        return;
      case Hook.CONTROL:
        this.#applyControl();
        return;
      case Hook.COMMAND_TAIL:
        this.#runCommands();
        return;
      default: {
        const index = hook - Hook.SEGMENT;
        const offset = Register.DEVICE_TABLE_SEGMENT_1 + 8 * index;
        this.deviceTable.configure(index + 1, registers.get(offset + 4), registers.get(offset));
      }
    }
  }

  /** A new base starts an empty ring (48882 3.4.13). */
  #resetPointers(head: number, tail: number): void {
    this.#registers.set(head, 0);
    this.#registers.set(tail, 0);
  }

  #control(): bigint {
    const registers = this.#registers;
    return (BigInt(registers.get(Register.CONTROL + 4) >>> 0) << 32n) | BigInt(registers.get(Register.CONTROL) >>> 0);
  }

  #applyControl(): void {
    const registers = this.#registers;
    const value = this.#control();
    const has = (bits: bigint): boolean => (value & bits) === bits;
    this.#enabled = has(control('IOMMU_EN'));
    this.deviceTable.enableSegments(Number(CONTROL.get(value, 'DEV_TBL_SEG_EN')));
    this.#commands.enable(has(COMMANDS_RUN));
    this.#events.enable(
      has(EVENTS_RUN),
      registers.get(Register.EVENT_LOG_BASE + 4),
      registers.get(Register.EVENT_LOG_BASE),
    );
    this.#pprLog.enable(has(PPR_RUN), registers.get(Register.PPR_LOG_BASE + 4), registers.get(Register.PPR_LOG_BASE));
    this.#runCommands();
  }

  #runCommands(): void {
    if (this.configuration.completion === 'immediate') this.#commands.run(Number.MAX_SAFE_INTEGER);
  }

  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    this.counters.translations++;
    if (!this.#enabled) return this.#pass(iovaHi, iovaLo);
    const cached = this.caches.devices.find(requesterId, 0);
    if (
      cached !== null &&
      cached.action === DeviceAction.HOST &&
      pasid === NO_PASID &&
      (access & ~(Access.READ | Access.WRITE)) === 0 &&
      !cached.guestWithoutPasid &&
      !isInterruptRange(iovaHi, iovaLo) &&
      !isHyperTransportRange(iovaHi)
    ) {
      const { iotlb } = this.caches;
      if (iotlb.lookup(iovaHi, iovaLo, cached.domainId, HOST_TAG)) {
        const rights = iotlb.permissions & cached.rights;
        if ((access & ~rights) === 0 && !this.#exclusionApplies) return this.#hit(rights);
      }
    }
    return this.#translateSlowly(requesterId, pasid, iovaHi, iovaLo, access);
  }

  #hit(rights: number): true {
    const { iotlb } = this.caches;
    const { translation } = this;
    this.counters.iotlbHits++;
    translation.paHi = iotlb.paHi;
    translation.paLo = iotlb.paLo;
    translation.pageShift = iotlb.pageShift;
    translation.permissions = rights;
    return true;
  }

  #pass(hi: number, lo: number): true {
    const { translation } = this;
    translation.paHi = hi;
    translation.paLo = lo;
    translation.pageShift = 12;
    translation.permissions = RIGHTS;
    return true;
  }

  #refuse(fault: AmdViFault): false {
    this.counters.faults++;
    this.translation.fault = fault;
    return false;
  }

  #translateSlowly(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const request = this.#request;
    request.deviceId = requesterId;
    request.pasid = pasid;
    request.iovaHi = iovaHi;
    request.iovaLo = iovaLo;
    request.access = access;

    // 1. The device table entry.
    const entry = this.#entryOf(requesterId);
    if ('vendor' in entry) return this.#refuse(entry);
    if (entry.action === DeviceAction.FORWARD) return this.#pass(iovaHi, iovaLo);
    if (entry.action === DeviceAction.ILLEGAL) return this.#refuse(this.#reporter.illegalDeviceTableEntry(true));

    // 2. Requests that are no accesses to memory.
    if (pasid === NO_PASID) {
      const verdict = this.#verdictOf(entry, iovaHi, iovaLo, access);
      if (verdict.kind === 'pass') return this.#pass(iovaHi, iovaLo);
      if (verdict.kind === 'invalid') return this.#refuse(this.#reporter.invalidDeviceRequest(verdict.type));
      if (verdict.kind === 'interrupt-blocked') {
        return this.#refuse(this.#reporter.pageFault(entry, { present: false, interrupt: true }));
      }
    }

    // 3. Translated and translation requests need DTE.I.
    if ((access & (Access.TRANSLATED | Access.TRANSLATION_REQUEST)) !== 0 && !entry.deviceTlb) {
      return this.#refuse(this.#reporter.invalidDeviceRequest(InvalidRequestType.PRETRANSLATED));
    }
    if ((access & Access.TRANSLATED) !== 0) return this.#pass(iovaHi, iovaLo);
    if (this.#isExcluded(entry, iovaHi, iovaLo)) return this.#pass(iovaHi, iovaLo);
    if (entry.action === DeviceAction.BLOCK) return this.#refuse(this.#reporter.pageFault(entry, { present: false }));

    // 4. Which tables: the PASID of the request, or PASID 0 under GIoV, goes to the guest tables.
    const guestPasid = pasid !== NO_PASID ? pasid : entry.guest && entry.guestWithoutPasid ? 0 : NO_PASID;
    if (guestPasid !== NO_PASID && !entry.guest)
      return this.#refuse(this.#reporter.pageFault(entry, { present: false }));
    const wanted = access & (RIGHTS | Access.PRIVILEGED);
    if ((wanted & RIGHTS & ~entry.rights) !== 0) {
      return this.#refuse(this.#reporter.pageFault(entry, { present: true, permission: true }));
    }
    if (guestPasid !== NO_PASID) return this.#translateGuest(entry, guestPasid, wanted);
    if (entry.action === DeviceAction.IDENTITY) {
      this.#pass(iovaHi, iovaLo);
      this.translation.permissions = entry.rights;
      return true;
    }
    return this.#translateHost(entry, wanted);
  }

  #entryOf(requesterId: number): DeviceEntry | AmdViFault {
    const cached = this.caches.devices.find(requesterId, 0);
    if (cached !== null) return cached;
    const entry = this.deviceTable.fetch(requesterId);
    if (entry === 'beyond-table') return this.#reporter.illegalDeviceTableEntry(false);
    this.counters.walkReads++;
    if (entry === 'no-memory') {
      const { entryHi, entryLo } = this.deviceTable;
      return this.#reporter.hardwareError('DEV_TAB_HARDWARE_ERROR', entryHi, entryLo, HardwareErrorType.MASTER_ABORT);
    }
    this.caches.devices.insert(requesterId, 0, entry);
    return entry;
  }

  #verdictOf(entry: DeviceEntry, hi: number, lo: number, access: number): SpecialVerdict {
    if (isInterruptRange(hi, lo)) return interruptVerdict(entry, access);
    if (isHyperTransportRange(hi)) return hyperTransportVerdict(entry, hi, lo, access);
    return { kind: 'ordinary' };
  }

  get #exclusionApplies(): boolean {
    return (this.#registers.get(Register.EXCLUSION_BASE) & Number(EXCLUSION_BASE.mask('EX_EN'))) !== 0;
  }

  /** Inside the exclusion range requests pass untranslated and unchecked: of all devices, or of those with DTE.EX. */
  #isExcluded(entry: DeviceEntry, hi: number, lo: number): boolean {
    if (!this.#exclusionApplies) return false;
    const registers = this.#registers;
    const allowsAll = (registers.get(Register.EXCLUSION_BASE) & Number(EXCLUSION_BASE.mask('ALLOW'))) !== 0;
    if (!allowsAll && !entry.exclusion) return false;
    const frame = (high: number, low: number): number => (high >>> 0) * 0x10_0000 + (low >>> 12);
    const at = frame(hi, lo);
    const register = (offset: number): number => frame(registers.get(offset + 4), registers.get(offset));
    return register(Register.EXCLUSION_BASE) <= at && at <= register(Register.EXCLUSION_LIMIT);
  }

  #translateHost(entry: DeviceEntry, access: number): boolean {
    const { iotlb, directories } = this.caches;
    const { iovaHi, iovaLo } = this.#request;
    const { domainId } = entry;
    const isHit = iotlb.lookup(iovaHi, iovaLo, domainId, HOST_TAG);
    if (isHit && (iotlb.attributes & EntryKind.NOT_PRESENT) !== 0) {
      this.counters.iotlbHits++;
      return this.#refuse(this.#reporter.pageFault(entry, { present: false }));
    }
    if (isHit && (access & RIGHTS & ~iotlb.permissions) === 0) return this.#hit(iotlb.permissions & entry.rights);

    this.counters.iotlbMisses++;
    const walker = this.#host.walkerOf(entry);
    const root = this.#host.rootOf(entry);
    let isAllowed: boolean;
    if (directories.lookup(iovaHi, iovaLo, domainId, HOST_TAG)) {
      const { index } = directories;
      const frame = (directories.targetHi(index) >>> 0) * 0x10_0000 + (directories.targetLo(index) >>> 12);
      const { payloadHi, payloadLo } = {
        payloadHi: directories.payloadHi(index),
        payloadLo: directories.payloadLo(index),
      };
      isAllowed = walker.resume(root, 0, frame, payloadHi, payloadLo, iovaHi, iovaLo, access);
    } else {
      walker.isWatched = this.configuration.caches.directoryEntries > 0;
      isAllowed = walker.walk(root, iovaHi, iovaLo, access);
      if (walker.isWatched)
        this.#keepDirectory(domainId, walker.pathTable[0]!, walker.pathAllowedHi[0]!, walker.pathAllowedLo[0]!);
      walker.isWatched = false;
    }
    this.counters.walkReads += walker.reads;
    if (!isAllowed) {
      const fault = this.#host.faultOf(entry, walker, access);
      if (this.configuration.npCache && fault.details['present'] === false)
        this.#keep(EntryKind.HOST | EntryKind.NOT_PRESENT, domainId, HOST_TAG, 12, 0, 0, 0);
      return this.#refuse(fault);
    }
    const rights = walker.permissions(false);
    this.#keep(EntryKind.HOST, domainId, HOST_TAG, walker.pageShift, walker.paHi, walker.paLo, rights);
    return this.#answer(walker.paHi, walker.paLo, walker.pageShift, rights & entry.rights);
  }

  #translateGuest(entry: DeviceEntry, pasid: number, access: number): boolean {
    const { iotlb } = this.caches;
    const { iovaHi, iovaLo } = this.#request;
    const { domainId } = entry;
    // Rights depend on the privilege of the request: privileged ones are not cached.
    const isCacheable = (access & Access.PRIVILEGED) === 0;
    if (isCacheable && iotlb.lookup(iovaHi, iovaLo, domainId, pasid) && (access & RIGHTS & ~iotlb.permissions) === 0) {
      return this.#hit(iotlb.permissions & entry.rights);
    }
    this.counters.iotlbMisses++;
    const guest = this.#guest;
    const fault = guest.translate(entry, pasid, iovaHi, iovaLo, access);
    this.counters.walkReads += guest.reads;
    if (fault !== null) return this.#refuse(fault);
    const kind = entry.action === DeviceAction.HOST ? EntryKind.NESTED : EntryKind.GUEST;
    if (isCacheable) this.#keep(kind, domainId, pasid, guest.pageShift, guest.paHi, guest.paLo, guest.rights);
    return this.#answer(guest.paHi, guest.paLo, guest.pageShift, guest.rights & entry.rights);
  }

  #answer(hi: number, lo: number, pageShift: number, rights: number): true {
    const { translation } = this;
    translation.paHi = hi;
    translation.paLo = lo;
    translation.pageShift = pageShift;
    translation.permissions = rights;
    return true;
  }

  #keep(kind: number, domainId: number, tag: number, pageShift: number, hi: number, lo: number, rights: number): void {
    const { iovaHi, iovaLo } = this.#request;
    this.caches.iotlb.insert(iovaHi, iovaLo, pageShift, domainId, tag, hi, lo, rights, kind, false);
  }

  /** Keeps the level 1 table of this address, 2 MiB large. */
  #keepDirectory(domainId: number, frame: number, allowedHi: number, allowedLo: number): void {
    if (frame < 0) return;
    const { directories } = this.caches;
    const { iovaHi, iovaLo } = this.#request;
    const hi = Math.floor(frame / 0x10_0000);
    const index = directories.insert(
      iovaHi,
      iovaLo,
      21,
      domainId,
      HOST_TAG,
      hi,
      (frame << 12) | 0,
      0,
      EntryKind.HOST,
      false,
    );
    directories.setPayload(index, allowedHi, allowedLo);
  }

  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    return explainWalk(this.#memory, this.#enabled, this.deviceTable, requesterId, pasid, iova, access);
  }

  /** Status bits by name, for tests and dumps. */
  get status(): Record<string, bigint> {
    return STATUS.decode(BigInt(this.#registers.get(Register.STATUS) >>> 0));
  }
}
