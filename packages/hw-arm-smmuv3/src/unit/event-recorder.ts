import { lo32, Access, accessKind, iova, join64, NO_PASID } from '@ioasis/core';
import { EVENT, EventId, type EventName } from '../layouts/events.js';
import type { OutputQueue } from './event-queue.js';
import type { SilentRefusal, SmmuV3Fault } from './fault.js';
import type { Request } from './request.js';

/** What an event says beyond the request's own fields. */
export interface EventDetails {
  /** False: a translation fault whose context does not record (CD.R, STE.S2R = 0). Default true. */
  readonly record?: boolean;
  readonly stage2?: boolean;
  /** One of `EventClass`; absent in events without that field. */
  readonly class?: number;
  /** IPA, or the address that could not be fetched, bytes. */
  readonly second?: bigint;
  /** Stage 2 refused to read a table of stage 1, rather than to write it. */
  readonly tableRead?: boolean;
  /** Tag of the stalled transaction. */
  readonly stall?: number;
}

/** Turns refusals into event records and fault values (IHI 0070 7.3). */
export class EventRecorder {
  readonly #queue: OutputQueue;
  readonly #request: Request;
  /** Called after a record: the queue's interrupt and errors. */
  readonly #after: (result: ReturnType<OutputQueue['append']>, stall: number | undefined) => void;

  /** @param after gets what became of a record, and the tag of its transaction if that is stalled */
  constructor(
    queue: OutputQueue,
    request: Request,
    after: (result: ReturnType<OutputQueue['append']>, stall: number | undefined) => void,
  ) {
    this.#queue = queue;
    this.#request = request;
    this.#after = after;
  }

  /** A configuration error: no address, whose stream it is (IHI 0070 7.3.3 to 7.3.11). */
  configuration(name: EventName, details: EventDetails = {}): SmmuV3Fault {
    const record = this.#identity(name) | (BigInt(details.second ?? 0n) << 192n);
    // Translated requests record none (IHI 0070 3.9.1.3).
    const isQuiet = (this.#request.access & Access.TRANSLATED) !== 0;
    return this.#record(name, record, isQuiet ? { ...details, record: false } : details);
  }

  /** A fault of a translation: input address, direction, stage, class (IHI 0070 7.3.12 to 7.3.16). */
  translation(name: EventName, details: EventDetails = {}): SmmuV3Fault {
    const { access, iovaHi, iovaLo } = this.#request;
    const hasRights = name !== 'F_TRANSL_FORBIDDEN';
    const record = EVENT.encode({
      ADDRESS: join64(iovaHi, iovaLo),
      RNW: (access & Access.WRITE) === 0,
      // A write is data (7.3.12); F_TRANSL_FORBIDDEN tells the direction only (7.3.8).
      IND: hasRights && (access & Access.EXECUTE) !== 0 && (access & Access.WRITE) === 0,
      PNU: hasRights && (access & Access.PRIVILEGED) !== 0,
      S2: details.stage2 ?? false,
      TTRNW: details.tableRead ?? false,
      CLASS: details.class ?? 0,
      IPA: details.second ?? 0n,
      STALL: details.stall !== undefined,
      STAG: details.stall ?? 0,
    });
    return this.#record(name, this.#identity(name) | record, details);
  }

  /** A refusal without event. */
  silent(name: SilentRefusal): SmmuV3Fault {
    return this.#fault(name, 0, 'disabled', [], {});
  }

  #identity(name: EventName): bigint {
    const { streamId, substreamId } = this.#request;
    const hasSubstream = substreamId !== NO_PASID;
    return EVENT.encode({
      ID: EventId[name],
      // C_BAD_SUBSTREAMID always has a substream, and no SSV (IHI 0070 7.3.9).
      SSV: hasSubstream && name !== 'C_BAD_SUBSTREAMID',
      SSID: hasSubstream ? substreamId : 0,
      SID: BigInt(streamId >>> 0),
    });
  }

  #record(name: EventName, record: bigint, details: EventDetails): SmmuV3Fault {
    // All that a translation request records is that there are none for its stream; the rest is its answer (IHI 0070 3.9.1.2).
    const isQuiet = (this.#request.access & Access.TRANSLATION_REQUEST) !== 0 && name !== 'F_BAD_ATS_TREQ';
    if (isQuiet || details.record === false) return this.#fault(name, EventId[name], 'suppressed', [], details);
    const { words } = this.#queue;
    for (let word = 0; word < words.length; word++) {
      words[word] = lo32(record >> BigInt(32 * word));
    }
    // The record of a stalled transaction is never lost: the transaction comes again (IHI 0070 7.2.1).
    const result = this.#queue.append(details.stall !== undefined);
    this.#after(result, details.stall);
    const recorded = result === 'abort' ? 'disabled' : result;
    const stored =
      recorded === 'recorded' ? [0n, 64n, 128n, 192n].map((shift) => BigInt.asUintN(64, record >> shift)) : [];
    return this.#fault(name, EventId[name], recorded, stored, details);
  }

  #fault(
    name: SmmuV3Fault['name'],
    code: number,
    recorded: SmmuV3Fault['recorded'],
    record: readonly bigint[],
    details: EventDetails,
  ): SmmuV3Fault {
    const request = this.#request;
    return {
      vendor: 'arm-smmuv3',
      code,
      name,
      requesterId: request.streamId,
      pasid: request.substreamId === NO_PASID ? undefined : request.substreamId,
      iova: iova(join64(request.iovaHi, request.iovaLo)),
      access: accessKind(request.access),
      recorded,
      record,
      details: {
        stage: details.stage2 === true ? 2 : 1,
        ...(details.class !== undefined && { class: details.class }),
        ...(details.second !== undefined && { second: details.second }),
        ...(details.stall !== undefined && { stall: details.stall }),
      },
    };
  }
}
