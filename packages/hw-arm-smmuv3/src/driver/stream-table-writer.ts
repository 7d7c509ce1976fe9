import { write64, type MmioWindow } from '@ioasis/core';
import { Register } from '../layouts/register-offsets.js';
import { STRTAB_BASE, STRTAB_BASE_CFG } from '../layouts/registers.js';
import { L1STD, L1STD_BYTES, STE, STE_BYTES, SteConfig } from '../layouts/stream-table.js';
import { wordsOf } from './entry-writer.js';
import type { SharedMemory } from './shared-memory.js';

/** STEs of a second-level table: 2^8, four pages. */
const SPLIT = 8;
const SPLIT_ORDER = 2;
/** Requester ids of PCI have this many bits; wider StreamIDs of a unit stay unused. */
const MAX_STREAM_BITS = 16;

/** Refuses every transaction of a stream, without an event. */
export const ABORT_ENTRY: readonly bigint[] = wordsOf(STE.encode({ V: 1, CONFIG: SteConfig.ABORT }));

/** The driver's stream table: two levels where the hardware has them; second-level tables come with their first stream. */
export class StreamTableWriter {
  readonly #memory: SharedMemory;
  readonly #streamBits: number;
  readonly #isTwoLevel: boolean;
  readonly #base: bigint;

  /**
   * @param streamBits IDR1.SIDSIZE
   * @throws RangeError without memory for the table
   */
  constructor(memory: SharedMemory, streamBits: number, isTwoLevel: boolean) {
    this.#memory = memory;
    this.#streamBits = Math.min(streamBits, MAX_STREAM_BITS);
    this.#isTwoLevel = isTwoLevel && this.#streamBits > SPLIT;
    const bytes = this.#isTwoLevel ? L1STD_BYTES << (this.#streamBits - SPLIT) : STE_BYTES << this.#streamBits;
    const base = memory.allocate(Math.max(0, Math.log2(bytes) - 12));
    if (base === undefined) throw new RangeError('armSmmuv3: no memory for the stream table');
    this.#base = base;
    if (!this.#isTwoLevel) this.#fill(this.#base, 1 << this.#streamBits);
  }

  /** Tells the unit. */
  program(mmio: MmioWindow): void {
    write64(mmio, Register.STRTAB_BASE, STRTAB_BASE.encode({ RA: 1, ADDR: this.#base >> 6n }));
    const config = this.#isTwoLevel
      ? { FMT: 1, SPLIT, LOG2SIZE: this.#streamBits }
      : { FMT: 0, LOG2SIZE: this.#streamBits };
    mmio.write32(Register.STRTAB_BASE_CFG, Number(STRTAB_BASE_CFG.encode(config)));
  }

  /** Makes room for a stream; its entry refuses everything until it is written. @returns 'ok', 'no memory' or 'no such stream' */
  cover(streamId: number): 'ok' | 'no memory' | 'no such stream' {
    if (streamId >= 2 ** this.#streamBits) return 'no such stream';
    if (!this.#isTwoLevel || this.#secondLevel(streamId) !== undefined) return 'ok';
    const table = this.#memory.allocate(SPLIT_ORDER);
    if (table === undefined) return 'no memory';
    this.#fill(table, 1 << SPLIT);
    this.#memory.store64(this.#descriptorAddress(streamId), L1STD.encode({ SPAN: SPLIT + 1, L2PTR: table >> 6n }));
    return 'ok';
  }

  /** Address of a stream's entry; {@link cover} was called. */
  entryOf(streamId: number): bigint {
    if (!this.#isTwoLevel) return this.#base + BigInt(streamId * STE_BYTES);
    return this.#secondLevel(streamId)! + BigInt((streamId & ((1 << SPLIT) - 1)) * STE_BYTES);
  }

  #descriptorAddress(streamId: number): bigint {
    return this.#base + BigInt((streamId >> SPLIT) * L1STD_BYTES);
  }

  #secondLevel(streamId: number): bigint | undefined {
    const descriptor = this.#memory.load64(this.#descriptorAddress(streamId));
    return L1STD.get(descriptor, 'SPAN') === 0n ? undefined : L1STD.get(descriptor, 'L2PTR') << 6n;
  }

  #fill(table: bigint, entries: number): void {
    for (let index = 0; index < entries; index++)
      this.#memory.store64(table + BigInt(index * STE_BYTES), ABORT_ENTRY[0]!);
  }
}
