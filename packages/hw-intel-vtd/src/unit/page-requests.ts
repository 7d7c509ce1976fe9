import {
  hi32,
  lo32,
  QueueRing,
  wordField,
  type PageRequestMessage,
  type PhysicalMemory,
  type RegisterFile,
} from '@ioasis/core';
import {
  PAGE_REQUEST,
  PAGE_REQUEST_BYTES,
  PAGE_REQUEST_TYPE,
  PQA_REG,
  PRS_REG,
} from '../layouts/page-request-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import type { EventMessage } from './event-message.js';

/** A page request message with what only VT-d's queue keeps. */
export interface VtdPageRequest extends PageRequestMessage {
  /** 128 bits that come back with nothing; only with the last request of a group. */
  readonly privateData?: bigint;
}

const PRO = Number(PRS_REG.mask('PRO'));
const PPR = Number(PRS_REG.mask('PPR'));
const PQS = wordField(PQA_REG, 'PQS');
const ENTRY_SHIFT = 5;
/** log2 of the requests that a queue of one page holds. */
const ENTRIES_LOG2 = 7;

/** The page request queue (VT-d 7.4): requests go to memory, software answers with page-group responses. */
export class PageRequestQueue {
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #event: EventMessage;
  readonly #ring = new QueueRing(PAGE_REQUEST_BYTES, 'gap');
  readonly #pqa = new Int32Array(2);

  constructor(memory: PhysicalMemory, registers: RegisterFile, event: EventMessage) {
    this.#memory = memory;
    this.#registers = registers;
    this.#event = event;
  }

  /** @returns false: no room, or an overflow that software has not seen yet; the request is lost */
  append(request: VtdPageRequest): boolean {
    const registers = this.#registers;
    if ((registers.get(RegisterOffset.PRS) & PRO) !== 0) return false;
    const ring = this.#ring;
    const pqa = this.#pqa;
    pqa[0] = registers.get(RegisterOffset.PQA);
    pqa[1] = registers.get(RegisterOffset.PQA + 4);
    ring.configure(pqa[1], pqa[0] & ~0xfff, ENTRIES_LOG2 + PQS.of(pqa, 0));
    ring.head = registers.get(RegisterOffset.PQH) >>> ENTRY_SHIFT;
    ring.tail = registers.get(RegisterOffset.PQT) >>> ENTRY_SHIFT;
    if (ring.isFull) {
      this.#raise(PRO);
      return false;
    }
    this.#store(request);
    ring.advanceTail();
    registers.set(RegisterOffset.PQT, ring.tail << ENTRY_SHIFT);
    this.#raise(PPR);
    return true;
  }

  /** PRS or PECTL was written. */
  eventWritten(): void {
    if ((this.#registers.get(RegisterOffset.PRS) & (PRO | PPR)) === 0) this.#event.withdraw();
    this.#event.unmasked();
  }

  #raise(bit: number): void {
    const status = this.#registers.get(RegisterOffset.PRS);
    this.#registers.set(RegisterOffset.PRS, status | bit);
    if (status === 0) this.#event.raise();
  }

  #store(request: VtdPageRequest): void {
    const hasPrivateData = request.privateData !== undefined;
    const word = PAGE_REQUEST.encode({
      TYPE: PAGE_REQUEST_TYPE,
      PP: request.pasid !== undefined,
      PDP: hasPrivateData,
      RID: request.requesterId,
      PASID: request.pasid ?? 0,
      EXR: request.pasid !== undefined && request.execute === true,
      PRIV: request.pasid !== undefined && request.privileged === true,
      RD: request.read,
      WR: request.write,
      LPIG: request.lastInGroup,
      PRGI: request.groupIndex,
      ADDR: request.address >> 12n,
      PD: request.privateData ?? 0n,
    });
    const ring = this.#ring;
    ring.locate(ring.tail);
    this.#memory.deviceWriting = true;
    for (let at = 0; at < PAGE_REQUEST_BYTES; at += 8) {
      const part = word >> BigInt(at * 8);
      this.#memory.store64(ring.entryHi, (ring.entryLo + at) | 0, hi32(part), lo32(part));
    }
    this.#memory.deviceWriting = false;
  }
}
