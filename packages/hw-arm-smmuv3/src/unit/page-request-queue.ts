import {
  lo32,
  PrgResponseCode,
  type PageGroupResponse,
  type PageRequestMessage,
  type PageRequestResult,
  type PhysicalMemory,
  type RegisterFile,
} from '@ioasis/core';
import { PRI_ENTRY, PRI_ENTRY_BYTES } from '../layouts/events.js';
import { OutputQueue, type EventResult } from './event-queue.js';
import { Register } from '../layouts/register-offsets.js';

const PRI_QUEUE = {
  base: Register.PRIQ_BASE,
  prod: Register.PRIQ_PROD,
  cons: Register.PRIQ_CONS,
  entryBytes: PRI_ENTRY_BYTES,
};

/** What the queue needs of its unit. */
export interface PageRequestSink {
  /** GERROR.PRIQ_ABT_ERR is active. */
  readonly isBroken: () => boolean;
  /** How a group is answered that overflowed: PPS, STE.PPAR (IHI 0070 8.1). */
  readonly overflowAnswer: (request: PageRequestMessage) => Pick<PageGroupResponse, 'pasid' | 'code'>;
  /** Reaches the device. */
  readonly respond: (response: PageGroupResponse) => void;
  /** The queue's interrupt and errors. @param last last message of its group */
  readonly appended: (result: EventResult | 'abort', last: boolean) => void;
}

/**
 * The PRI queue (IHI 0070 8.1, 8.2). While it is off or broken every request is answered with failure. While it is full the last one of a
 * group is answered with success, so that the device asks again, and the others are lost; from an overflow until its acknowledgement
 * nothing is queued, even when there is room: a group must not lose its middle.
 */
export class PageRequestQueue {
  readonly #queue: OutputQueue;
  readonly #sink: PageRequestSink;

  /** @param log2Max log2 of the most entries */
  constructor(memory: PhysicalMemory, registers: RegisterFile, sink: PageRequestSink, log2Max: number) {
    this.#queue = new OutputQueue(memory, registers, PRI_QUEUE, { log2Max, isBroken: sink.isBroken });
    this.#sink = sink;
  }

  /** As {@link OutputQueue.wasEmpty}. */
  get wasEmpty(): boolean {
    return this.#queue.wasEmpty;
  }

  get enabled(): boolean {
    return this.#queue.enabled;
  }

  set enabled(enabled: boolean) {
    this.#queue.enabled = enabled;
  }

  append(request: PageRequestMessage): PageRequestResult {
    const result = this.#write(request);
    this.#sink.appended(result, request.lastInGroup);
    if (result === 'recorded') return 'queued';
    if (isStopMarker(request) || (result === 'overflow' && !request.lastInGroup)) return 'lost';
    const { requesterId, groupIndex } = request;
    const answer = result === 'overflow' ? this.#sink.overflowAnswer(request) : FAILED;
    this.#sink.respond({ requesterId, groupIndex, ...answer });
    return 'answered';
  }

  #write(request: PageRequestMessage): EventResult | 'abort' {
    if (this.#sink.isBroken()) return 'disabled';
    if (this.#queue.isOverflowing) return 'overflow';
    const { words } = this.#queue;
    const record = PRI_ENTRY.encode({
      SID: BigInt(request.requesterId >>> 0),
      SSV: request.pasid !== undefined,
      SSID: request.pasid ?? 0,
      PRIV: request.pasid !== undefined && request.privileged === true,
      EXEC: request.pasid !== undefined && request.execute === true,
      READ: request.read,
      WRITE: request.write,
      LAST: request.lastInGroup,
      PRGINDEX: request.groupIndex,
      ADDRESS: request.address >> 12n,
    });
    for (let word = 0; word < words.length; word++) words[word] = lo32(record >> BigInt(32 * word));
    return this.#queue.append();
  }
}

/** Answers of a queue that is off or broken carry no PASID. */
const FAILED = { pasid: undefined, code: PrgResponseCode.FAILURE };

/** The message after which a device no longer uses a PASID: a last request for nothing. It has no response. */
const isStopMarker = ({ pasid, read, write, lastInGroup }: PageRequestMessage): boolean =>
  pasid !== undefined && lastInGroup && !read && !write;
