import { Access, NO_PASID } from '@ioasis/core';
import { CD_BYTES } from '../layouts/context-descriptor.js';
import { EventClass } from '../layouts/events.js';
import { S1Dss, S1Fmt } from '../layouts/stream-table.js';
import type { Context, ContextDecoder } from './context.js';
import type { EventRecorder } from './event-recorder.js';
import type { SmmuV3Fault } from './fault.js';
import { isBeyond, type StreamEntry } from './stream-entry.js';
import type { StructureReader } from './structure-reader.js';
import type { TranslationFaults } from './translation-faults.js';

/** A request without substream that bypasses stage 1 (S1DSS = 1). */
export const STAGE1_BYPASS = 'stage1-bypass';

/** Finds context descriptors in memory (IHI 0070 3.3.2, 5.3, 5.4). */
export class ContextTable {
  /** Entries read by the last {@link lookup}. */
  reads = 0;
  readonly #reader: StructureReader;
  readonly #decoder: ContextDecoder;
  readonly #recorder: EventRecorder;
  readonly #faults: TranslationFaults;
  readonly #outputBits: number;

  /** @param outputBits of physical addresses (IDR5.OAS) */
  constructor(
    reader: StructureReader,
    decoder: ContextDecoder,
    recorder: EventRecorder,
    faults: TranslationFaults,
    outputBits: number,
  ) {
    this.#outputBits = outputBits;
    this.#reader = reader;
    this.#decoder = decoder;
    this.#recorder = recorder;
    this.#faults = faults;
  }

  /** The context of a stream's substream, or why there is none. */
  lookup(stream: StreamEntry, substreamId: number): Context | typeof STAGE1_BYPASS | SmmuV3Fault {
    const recorder = this.#recorder;
    this.reads = 0;
    // 1. Which descriptor: the substream's; without one, what S1DSS says.
    let index = 0;
    if (substreamId !== NO_PASID) {
      if (stream.contextsLog2 === 0 || substreamId >= 2 ** stream.contextsLog2) {
        return recorder.configuration('C_BAD_SUBSTREAMID');
      }
      if (substreamId === 0 && stream.defaultSubstream === S1Dss.SUBSTREAM_0) {
        return recorder.configuration('F_STREAM_DISABLED');
      }
      index = substreamId;
    } else if (stream.contextsLog2 > 0) {
      if (stream.defaultSubstream === S1Dss.TERMINATE) return recorder.configuration('F_STREAM_DISABLED');
      if (stream.defaultSubstream === S1Dss.BYPASS) return STAGE1_BYPASS;
    }

    // 2. Two levels: 64 or 1024 descriptors a leaf table.
    let hi = stream.contextHi;
    let lo = stream.contextLo;
    if (stream.contextsLog2 > 0 && stream.contextFormat !== S1Fmt.LINEAR) {
      const leafLog2 = stream.contextFormat === S1Fmt.TWO_LEVEL_4K ? 6 : 10;
      const fault = this.#read(stream, hi, lo, index >>> leafLog2, 8);
      if (fault !== null) return fault;
      const { words } = this.#reader;
      if ((words[0]! & 1) === 0) return recorder.configuration('C_BAD_SUBSTREAMID');
      hi = words[1]! & 0xf_ffff;
      lo = words[0]! & ~0xfff;
      // As an IPA it is stage 2's to refuse (IHI 0070 3.4.3).
      if (stream.stage2 === null && isBeyond(hi, this.#outputBits)) return recorder.configuration('C_BAD_SUBSTREAMID');
      index &= 2 ** leafLog2 - 1;
    }

    // 3. The descriptor.
    const fault = this.#read(stream, hi, lo, index, CD_BYTES);
    if (fault !== null) return fault;
    return this.#decoder.decode(this.#reader.words, stream) ?? recorder.configuration('C_BAD_CD');
  }

  /** Reads an entry; its address is an IPA when the stream has stage 2. */
  #read(stream: StreamEntry, tableHi: number, tableLo: number, index: number, bytes: number): SmmuV3Fault | null {
    this.reads++;
    const { stage2 } = stream;
    const low = (tableLo >>> 0) + index * bytes;
    let hi = (tableHi + Math.floor(low / 0x1_0000_0000)) | 0;
    let lo = low | 0;
    if (stage2 !== null) {
      if (!stage2.walk(hi, lo, Access.READ)) return this.#faults.ofStage2(stage2, EventClass.CD, hi, lo);
      hi = stage2.walker.paHi;
      lo = stage2.walker.paLo;
    }
    if (this.#reader.read(hi, lo, 0, bytes)) return null;
    return this.#recorder.configuration('F_CD_FETCH', { second: joined(hi, lo) });
  }
}

const joined = (hi: number, lo: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
