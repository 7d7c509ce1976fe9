import { hi32, lo32, NO_PASID, type RegisterFile } from '@ioasis/core';
import { PPR_ENTRY, PPR_REQUEST_CODE } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { CONTROL, PPR_AUTO_RESPONSE } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import type { RequestPath } from './request-path.js';
import type { LogSink } from './unit-log.js';

/** A page request message of a device (PCIe PRI). */
export interface AmdViPageRequest {
  readonly deviceId: number;
  readonly pasid: number | undefined;
  /** Ten bits: the request's group index and the last-request flag. */
  readonly tag: number;
  /** Any address of the page, bytes. */
  readonly address: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute?: boolean;
  /** The request is of user privilege. */
  readonly user?: boolean;
}

/**
 * What became of a page request: logged; lost in a log that is full or does not run; answered by the unit itself, because it could not
 * be logged; or refused with an event, and the fault in the unit's `translation.fault`.
 */
export type PageRequestResult = 'logged' | 'lost' | 'answered' | 'refused';

/** Requests that a device sends when a page is missing: into the PPR log (48882 2.6). */
export class PageRequests {
  readonly #registers: RegisterFile;
  readonly #capabilities: Capabilities;
  readonly #path: RequestPath;
  readonly #log: LogSink;

  constructor(registers: RegisterFile, capabilities: Capabilities, path: RequestPath, log: LogSink) {
    this.#registers = registers;
    this.#capabilities = capabilities;
    this.#path = path;
    this.#log = log;
  }

  /** @param answer sends the response code of Control.PprAutoRspEn to the device */
  arrive(request: AmdViPageRequest, answer: (status: number) => void): PageRequestResult {
    const { deviceId, pasid, tag, address } = request;
    this.#path.request.set(deviceId, pasid ?? NO_PASID, hi32(address), lo32(address), 0);
    const hasPasid = pasid !== undefined;
    if (!this.#mayAsk(deviceId)) {
      this.#path.refusePageRequest(tag);
      return 'refused';
    }
    const result = this.#log.append(
      PPR_ENTRY.encode({
        DEVICE_ID: deviceId,
        PASID_15_0: hasPasid ? pasid & 0xffff : 0,
        PASID_19_16: hasPasid ? pasid >>> 16 : 0,
        TAG: tag,
        CODE: PPR_REQUEST_CODE,
        ADDRESS: address & ~0xfffn,
        GN: hasPasid,
        US: request.user ?? false,
        WRITE: request.write,
        READ: request.read,
        EXEC: request.execute ?? false,
      }),
    );
    if (result === 'recorded') return 'logged';
    if (!this.#answersItself()) return 'lost';
    answer(this.#registers.get(Register.PPR_AUTO_RESPONSE) & Number(PPR_AUTO_RESPONSE.mask('CODE')));
    return 'answered';
  }

  /** Control.PprEn, and an entry that translates with DTE.PPR. */
  #mayAsk(deviceId: number): boolean {
    if (!this.#isSet('PPR_EN')) return false;
    const entry = this.#path.entryOf(deviceId);
    return !('vendor' in entry) && !this.#path.isIllegal(entry) && entry.pageRequests;
  }

  #answersItself(): boolean {
    return this.#capabilities.automaticResponse && (this.#isSet('PPR_AUTO_RSP_EN') || this.#isSet('PPR_AUTO_RSP_AON'));
  }

  #isSet(field: 'PPR_EN' | 'PPR_AUTO_RSP_EN' | 'PPR_AUTO_RSP_AON'): boolean {
    const mask = CONTROL.mask(field);
    const value = this.#registers.get(Register.CONTROL + (mask >> 32n === 0n ? 0 : 4));
    return (value & Number(mask >> 32n === 0n ? mask : mask >> 32n)) !== 0;
  }
}
