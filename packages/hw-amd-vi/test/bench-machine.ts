import {
  DmaEngine,
  FrameAllocator,
  hi32,
  join64,
  linux612,
  lo32,
  ManualClock,
  PhysicalMemory,
  read64,
  type IommuDevice,
  type MmioWindow,
} from '@ioasis/core';
import { AmdViBackend, type AmdViOptions } from '../src/index.js';

const ARENA = { start: 0n, last: 0x3ff_ffffn };

/** RAM, frames for tables in its first 64 MiB, and one IOMMU with its driver: no processes, no ioctls. */
export function bareBackend(options: AmdViOptions = {}) {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x2_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: ARENA });
  const tableFrames = new FrameAllocator(memory, { firstFrame: 16, frames: 0x3ff0 });
  const backend = new AmdViBackend(
    { memory, tableFrames, clock: new ManualClock(), pageSize: 4096, kernel: linux612, failure: null },
    options,
  );
  return { memory, tableFrames, backend };
}

export function device(requesterId: number, group = 1): IommuDevice {
  return { name: `dev${requesterId}`, segment: 0, requesterId, group: { id: group } };
}

export const portOf = (at: ReturnType<typeof bareBackend>, of: IommuDevice): DmaEngine =>
  new DmaEngine(at.backend.unit, at.memory, of.requesterId);

/** Reads commands from the ring as the hardware finds them, `[first word, second word]`. */
export class QueuedCommands {
  readonly #mmio: MmioWindow;
  readonly #memory: PhysicalMemory;
  #at = 0;

  constructor(mmio: MmioWindow, memory: PhysicalMemory) {
    this.#mmio = mmio;
    this.#memory = memory;
  }

  /** Everything that was queued since the last call, waits included. */
  takeAll(): (readonly [bigint, bigint])[] {
    const base = read64(this.#mmio, 8);
    const start = base & 0xf_ffff_ffff_f000n;
    const bytes = 16 << Number((base >> 56n) & 0xfn);
    const tail = this.#mmio.read32(0x2008);
    const taken: (readonly [bigint, bigint])[] = [];
    for (; this.#at !== tail; this.#at = (this.#at + 16) % bytes) {
      taken.push([this.#word(start + BigInt(this.#at)), this.#word(start + BigInt(this.#at) + 8n)]);
    }
    return taken;
  }

  /** The same without COMPLETION_WAIT. */
  take(): (readonly [bigint, bigint])[] {
    return this.takeAll().filter(([low]) => low >> 60n !== 1n);
  }

  #word(at: bigint): bigint {
    this.#memory.load64(hi32(at), lo32(at));
    return join64(this.#memory.loadedHi, this.#memory.loadedLo);
  }
}
