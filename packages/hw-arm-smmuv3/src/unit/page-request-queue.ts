import { lo32, type PhysicalMemory, type RegisterFile } from '@ioasis/core';
import { PageResponse } from '../layouts/commands.js';
import { PRI_ENTRY, PRI_ENTRY_BYTES } from '../layouts/events.js';
import { OutputQueue, type EventResult } from './event-queue.js';
import { Register } from '../layouts/register-offsets.js';

/** A page request message of a device (PCIe PRI). */
export interface SmmuV3PageRequest {
  readonly streamId: number;
  readonly substreamId: number | undefined;
  /** Any byte of the page. */
  readonly address: bigint;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute?: boolean;
  readonly privileged?: boolean;
  /** 9 bits. */
  readonly groupIndex: number;
  readonly lastInGroup: boolean;
}

/** What became of a page request: in the queue, or answered by the unit itself. */
export type PageRequestResult = 'queued' | 'answered' | 'dropped';

const PRI_QUEUE = {
  base: Register.PRIQ_BASE,
  prod: Register.PRIQ_PROD,
  cons: Register.PRIQ_CONS,
  entryBytes: PRI_ENTRY_BYTES,
};

/**
 * The PRI queue (IHI 0070 8.1, 8.2). A unit that cannot queue a request answers the last one of its group: success when the queue is
 * full, so that the device asks again, failure when the queue is off or broken. From an overflow until its acknowledgement nothing is
 * queued, even when there is room: a group must not lose its middle.
 */
export class PageRequestQueue {
  readonly #queue: OutputQueue;
  readonly #respond: (request: SmmuV3PageRequest, response: number) => void;
  readonly #after: (result: EventResult | 'abort') => void;

  /**
   * @param respond reaches the device with one of `PageResponse`
   * @param after the queue's interrupt and errors
   */
  constructor(
    memory: PhysicalMemory,
    registers: RegisterFile,
    respond: (request: SmmuV3PageRequest, response: number) => void,
    after: (result: EventResult | 'abort') => void,
  ) {
    this.#queue = new OutputQueue(memory, registers, PRI_QUEUE);
    this.#respond = respond;
    this.#after = after;
  }

  get enabled(): boolean {
    return this.#queue.enabled;
  }

  set enabled(enabled: boolean) {
    this.#queue.enabled = enabled;
  }

  append(request: SmmuV3PageRequest): PageRequestResult {
    const { words } = this.#queue;
    const record = PRI_ENTRY.encode({
      SID: BigInt(request.streamId >>> 0),
      SSV: request.substreamId !== undefined,
      SSID: request.substreamId ?? 0,
      PRIV: request.substreamId !== undefined && request.privileged === true,
      EXEC: request.substreamId !== undefined && request.execute === true,
      READ: request.read,
      WRITE: request.write,
      LAST: request.lastInGroup,
      PRGINDEX: request.groupIndex,
      ADDRESS: request.address >> 12n,
    });
    for (let word = 0; word < words.length; word++) words[word] = lo32(record >> BigInt(32 * word));
    const result = this.#queue.isOverflowing ? 'overflow' : this.#queue.append();
    this.#after(result);
    if (result === 'recorded') return 'queued';
    if (!request.lastInGroup) return 'dropped';
    this.#respond(request, result === 'overflow' ? PageResponse.SUCCESS : PageResponse.FAILURE);
    return 'answered';
  }
}
