import { Access, accessKind, iova, join64, NO_PASID, type HardwareFault } from '@ioasis/core';
import {
  EVENT,
  EventCode,
  HardwareErrorType,
  INVALID_PPR_EVENT,
  INVALID_REQUEST_EVENT,
  type EventName,
} from '../layouts/events.js';
import type { DeviceEntry } from './device-entry.js';
import type { Request } from './request.js';
import type { LogSink } from './unit-log.js';
import type { Watch } from './watch.js';

/** A refused request, with AMD's event code. */
export interface AmdViFault extends HardwareFault {
  readonly vendor: 'amd-vi';
  readonly name: EventName;
}

/** Flags of a page fault beyond those that the request itself gives. */
export interface PageFaultFlags {
  /** PR: the entry that decided was present. */
  readonly present: boolean;
  /** PE: a right is missing. */
  readonly permission?: boolean;
  /** RZ: reserved bits, or an encoding that no level has. */
  readonly reserved?: boolean;
  /** I: an interrupt request. */
  readonly interrupt?: boolean;
}

/** Turns refusals into event log entries and fault values (48882 2.5). */
export class FaultReporter {
  readonly #log: LogSink;
  readonly #request: Request;
  readonly #faulted: Set<number>;
  readonly #watch: Watch;

  /** @param faulted devices whose first page fault was logged since their entry was invalidated */
  constructor(log: LogSink, request: Request, faulted: Set<number>, watch: Watch) {
    this.#log = log;
    this.#request = request;
    this.#faulted = faulted;
    this.#watch = watch;
  }

  /** IO_PAGE_FAULT (48882 2.5.2). DTE.SA and SE suppress it, and translation requests never log it. */
  pageFault(entry: DeviceEntry, flags: PageFaultFlags): AmdViFault {
    const { access, pasid, deviceId } = this.#request;
    const isTranslation = (access & Access.TRANSLATION_REQUEST) !== 0;
    // RW means something only for a permission fault of an untranslated request.
    const rw = flags.present && !isTranslation && flags.interrupt !== true && (access & Access.WRITE) !== 0;
    const hasPasid = pasid !== NO_PASID;
    const word = EVENT.encode({
      CODE: EventCode.IO_PAGE_FAULT,
      TR: isTranslation,
      RZ: flags.reserved ?? false,
      PE: flags.permission ?? false,
      RW: rw,
      PR: flags.present,
      I: flags.interrupt ?? false,
      US: hasPasid && (access & Access.PRIVILEGED) === 0,
      NX: (access & Access.EXECUTE) !== 0,
      GN: hasPasid,
      DOMAIN_ID: hasPasid ? pasid & 0xffff : entry.domainId,
      PASID_19_16: hasPasid ? pasid >>> 16 : 0,
      DEVICE_ID: this.#request.deviceId,
      ADDRESS: this.#address(),
    });
    const suppressed = isTranslation || entry.suppressAll || (entry.suppressLater && this.#faulted.has(deviceId));
    const fault = this.#report('IO_PAGE_FAULT', word, suppressed, {
      present: flags.present,
      permission: flags.permission ?? false,
      reserved: flags.reserved ?? false,
      interrupt: flags.interrupt ?? false,
      domainId: entry.domainId,
    });
    if (fault.recorded === 'recorded') this.#faulted.add(deviceId);
    return fault;
  }

  /** ILLEGAL_DEV_TABLE_ENTRY (48882 2.5.1). @param reserved a reserved bit or encoding, not the index, was wrong */
  illegalDeviceTableEntry(reserved: boolean): AmdViFault {
    const { access, pasid } = this.#request;
    const word = EVENT.encode({
      CODE: EventCode.ILLEGAL_DEV_TABLE_ENTRY,
      TR: (access & Access.TRANSLATION_REQUEST) !== 0,
      RZ: reserved,
      RW: (access & Access.WRITE) !== 0,
      GN: pasid !== NO_PASID,
      DOMAIN_ID: pasid === NO_PASID ? 0 : pasid & 0xffff,
      PASID_19_16: pasid === NO_PASID ? 0 : pasid >>> 16,
      DEVICE_ID: this.#request.deviceId,
      ADDRESS: this.#address(),
    });
    return this.#report('ILLEGAL_DEV_TABLE_ENTRY', word, false, { reserved });
  }

  /** DEV_TAB_HARDWARE_ERROR (48882 2.5.3): the device table entry at an address could not be read. */
  deviceTableError(hi: number, lo: number): AmdViFault {
    return this.#hardwareError('DEV_TAB_HARDWARE_ERROR', 0, hi, lo);
  }

  /** PAGE_TAB_HARDWARE_ERROR (48882 2.5.4): the table entry at an address could not be read or updated. */
  pageTableError(entry: DeviceEntry, hi: number, lo: number): AmdViFault {
    return this.#hardwareError('PAGE_TAB_HARDWARE_ERROR', entry.domainId, hi, lo);
  }

  /** Memory that is not there answers with a master abort. */
  #hardwareError(
    name: 'DEV_TAB_HARDWARE_ERROR' | 'PAGE_TAB_HARDWARE_ERROR',
    domainId: number,
    hi: number,
    lo: number,
  ): AmdViFault {
    const { access, pasid } = this.#request;
    const type = HardwareErrorType.MASTER_ABORT;
    const word = EVENT.encode({
      CODE: EventCode[name],
      TYPE: type,
      TR: (access & Access.TRANSLATION_REQUEST) !== 0,
      RW: (access & Access.WRITE) !== 0,
      GN: pasid !== NO_PASID,
      DOMAIN_ID: pasid === NO_PASID ? domainId : pasid & 0xffff,
      PASID_19_16: pasid === NO_PASID ? 0 : pasid >>> 16,
      DEVICE_ID: this.#request.deviceId,
      ADDRESS: join64(hi, lo) & ~0xfn,
    });
    return this.#report(name, word, false, { type, table: join64(hi, lo) });
  }

  /** INVALID_DEVICE_REQUEST (48882 2.5.8). */
  invalidDeviceRequest(type: number): AmdViFault {
    const { access, pasid } = this.#request;
    const word = INVALID_REQUEST_EVENT.encode({
      CODE: EventCode.INVALID_DEVICE_REQUEST,
      TYPE: type,
      TR: (access & Access.TRANSLATION_REQUEST) !== 0,
      GN: pasid !== NO_PASID,
      PASID_15_0: pasid === NO_PASID ? 0 : pasid & 0xffff,
      PASID_19_16: pasid === NO_PASID ? 0 : pasid >>> 16,
      DEVICE_ID: this.#request.deviceId,
      ADDRESS: this.#address(),
    });
    return this.#report('INVALID_DEVICE_REQUEST', word, false, { type });
  }

  /** INVALID_PPR_REQUEST (48882 2.5.9). RX = 0: software answers the device. */
  invalidPageRequest(tag: number): AmdViFault {
    const { pasid } = this.#request;
    const word = INVALID_PPR_EVENT.encode({
      CODE: EventCode.INVALID_PPR_REQUEST,
      DEVICE_ID: this.#request.deviceId,
      PASID_15_0: pasid === NO_PASID ? 0 : pasid & 0xffff,
      PASID_19_16: pasid === NO_PASID ? 0 : pasid >>> 16,
      TAG: tag,
      ADDRESS: this.#address(),
    });
    return this.#report('INVALID_PPR_REQUEST', word, false, { tag });
  }

  #address(): bigint {
    return join64(this.#request.iovaHi, this.#request.iovaLo);
  }

  #report(name: EventName, event: bigint, suppressed: boolean, details: AmdViFault['details']): AmdViFault {
    const request = this.#request;
    const recorded = suppressed ? 'suppressed' : this.#log.append(event);
    const fault: AmdViFault = {
      vendor: 'amd-vi',
      code: EventCode[name],
      name,
      requesterId: request.deviceId,
      pasid: request.pasid === NO_PASID ? undefined : request.pasid,
      iova: iova(this.#address()),
      access: accessKind(request.access),
      recorded,
      record: recorded === 'recorded' ? [BigInt.asUintN(64, event), event >> 64n] : [],
      details,
    };
    this.#watch.observer?.faulted(fault);
    return fault;
  }
}
