import type { RegisterFile } from '@ioasis/core';
import { Register } from '../layouts/register-offsets.js';
import { CR2 } from '../layouts/registers.js';
import { L1STD_BYTES, STE_BYTES } from '../layouts/stream-table.js';
import type { Capabilities } from './capabilities.js';
import type { EventRecorder } from './event-recorder.js';
import type { SmmuV3Fault } from './fault.js';
import type { StreamEntry, StreamEntryDecoder } from './stream-entry.js';
import { StreamAction } from './stream-entry.js';
import type { StructureReader } from './structure-reader.js';

const TWO_LEVEL = 1;
/** Values of SPLIT; the others count as the first. */
const SPLITS: readonly [number, number, number] = [6, 8, 10];
const RECINVSID = Number(CR2.mask('RECINVSID'));

/** Finds stream table entries in memory (IHI 0070 3.3.1, 5.1). */
export class StreamTable {
  /** Table entries read by the last {@link lookup}. */
  reads = 0;
  readonly #registers: RegisterFile;
  readonly #reader: StructureReader;
  readonly #decoder: StreamEntryDecoder;
  readonly #recorder: EventRecorder;
  readonly #twoLevel: boolean;
  readonly #streamIdBits: number;

  constructor(
    registers: RegisterFile,
    reader: StructureReader,
    decoder: StreamEntryDecoder,
    recorder: EventRecorder,
    { streamTable2Level, streamIdBits }: Capabilities,
  ) {
    this.#registers = registers;
    this.#reader = reader;
    this.#decoder = decoder;
    this.#recorder = recorder;
    this.#twoLevel = streamTable2Level;
    this.#streamIdBits = streamIdBits;
  }

  /** The entry of a stream, or why there is none. */
  lookup(streamId: number): StreamEntry | SmmuV3Fault {
    const registers = this.#registers;
    const config = registers.get(Register.STRTAB_BASE_CFG);
    const log2Size = config & 0x3f;
    const asked = (config >>> 6) & 0x1f;
    const split = SPLITS.includes(asked) ? asked : SPLITS[0];
    const isTwoLevel = ((config >>> 16) & 3) === TWO_LEVEL && this.#twoLevel;
    // Address bits below the table's size are taken as zero (IHI 0070 6.3.23).
    const alignment = isTwoLevel ? Math.max(6, log2Size - split + 3) : log2Size + 6;
    let hi = registers.get(Register.STRTAB_BASE + 4) & 0xf_ffff & (alignment > 32 ? -(2 ** (alignment - 32)) : -1);
    let lo = alignment >= 32 ? 0 : registers.get(Register.STRTAB_BASE) & -(2 ** alignment);
    let index = streamId >>> 0;
    this.reads = 0;
    // 1. The StreamID must be inside the table, and be one of the unit's.
    const bits = Math.min(log2Size, this.#streamIdBits);
    if (bits < 32 && index >>> bits !== 0) return this.#badStreamId();

    // 2. Two levels: the level 1 descriptor says where the STEs are and how many.
    if (isTwoLevel) {
      this.reads++;
      if (!this.#reader.read(hi, lo, index >>> split, L1STD_BYTES)) return this.#fetchFault();
      const span = this.#reader.words[0]! & 0x1f;
      index &= 2 ** split - 1;
      if (span === 0 || span > split + 1 || index >= 2 ** (span - 1)) return this.#badStreamId();
      hi = this.#reader.words[1]! & 0xf_ffff;
      // The array is aligned to its size.
      lo = this.#reader.words[0]! & -(2 ** (span + 5));
    }

    // 3. The STE.
    this.reads++;
    if (!this.#reader.read(hi, lo, index, STE_BYTES)) return this.#fetchFault();
    const entry = this.#decoder.decode(this.#reader.words);
    return entry.action === StreamAction.ILLEGAL ? this.#recorder.configuration('C_BAD_STE') : entry;
  }

  /** Recorded only when CR2.RECINVSID asks for it (IHI 0070 7.3.3). */
  #badStreamId(): SmmuV3Fault {
    const record = (this.#registers.get(Register.CR2) & RECINVSID) !== 0;
    return this.#recorder.configuration('C_BAD_STREAMID', { record });
  }

  #fetchFault(): SmmuV3Fault {
    const { addressHi, addressLo } = this.#reader;
    const second = (BigInt(addressHi >>> 0) << 32n) | BigInt(addressLo >>> 0);
    return this.#recorder.configuration('F_STE_FETCH', { second });
  }
}
