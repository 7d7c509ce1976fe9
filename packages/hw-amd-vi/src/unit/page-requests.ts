import { hi32, lo32, NO_PASID, type PageRequestMessage, type PageRequestResult, type RegisterFile } from '@ioasis/core';
import { PPR_ENTRY, PPR_REQUEST_CODE } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { CONTROL, PPR_AUTO_RESPONSE } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import type { RequestPath } from './request-path.js';
import type { LogSink } from './unit-log.js';

/** Completion tag of a request: its group index, and whether it is the group's last. */
const LAST_IN_GROUP = 0x200;
/** The group index in a completion tag. */
export const GROUP_INDEX = 0x1ff;

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
  arrive(request: PageRequestMessage, answer: (code: number) => void): PageRequestResult {
    const { requesterId, pasid, address } = request;
    const tag = request.groupIndex | (request.lastInGroup ? LAST_IN_GROUP : 0);
    this.#path.request.set(requesterId, pasid ?? NO_PASID, hi32(address), lo32(address), 0);
    const hasPasid = pasid !== undefined;
    if (!this.#mayAsk(requesterId)) {
      this.#path.refusePageRequest(tag);
      return 'refused';
    }
    const result = this.#log.append(
      PPR_ENTRY.encode({
        DEVICE_ID: requesterId,
        PASID_15_0: hasPasid ? pasid & 0xffff : 0,
        PASID_19_16: hasPasid ? pasid >>> 16 : 0,
        TAG: tag,
        CODE: PPR_REQUEST_CODE,
        ADDRESS: address & ~0xfffn,
        GN: hasPasid,
        US: hasPasid && request.privileged !== true,
        WRITE: request.write,
        READ: request.read,
        EXEC: hasPasid && request.execute === true,
      }),
    );
    if (result === 'recorded') return 'queued';
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
