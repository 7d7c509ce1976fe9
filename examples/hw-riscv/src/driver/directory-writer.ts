import {
  frameAddress,
  hi32,
  join64,
  lo32,
  read64,
  write64,
  type FrameAllocator,
  type MmioWindow,
  type PhysicalMemory,
} from '@ioasis/core';
import { CONTEXT_BYTES, DDTE, DEVICE_ID_BITS, DIRECTORY_SHIFTS, TC } from '../layouts/device-context.js';
import { DDTP, DirectoryMode, Register } from '../layouts/registers.js';

/** Words of a device context. */
export interface ContextWords {
  readonly tc: bigint;
  readonly ta: bigint;
  readonly fsc: bigint;
}

/** The device directory, as deep as the unit takes it. Directories below the root come with the first device that needs them. */
export class DirectoryWriter {
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #root: number;
  readonly #levels: number;

  /** @throws RangeError without memory for the root, or for a unit that takes no directory */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow) {
    this.#memory = memory;
    this.#frames = frames;
    this.#root = frames.allocate(0);
    if (this.#root < 0) throw new RangeError('riscvIommu: no memory for the device directory');
    // The unit keeps its old mode when it does not have the one that is written.
    const modes = [DirectoryMode.LEVEL_3, DirectoryMode.LEVEL_2, DirectoryMode.LEVEL_1];
    const mode = modes.find((asked) => {
      write64(mmio, Register.DDTP, DDTP.encode({ MODE: asked, PPN: BigInt(this.#root) }));
      return Number(DDTP.get(read64(mmio, Register.DDTP), 'MODE')) === asked;
    });
    if (mode === undefined) throw new RangeError('riscvIommu: the unit takes no device directory');
    this.#levels = mode - DirectoryMode.LEVEL_1 + 1;
  }

  /** Whether the directory is wide enough for a device id. */
  holds(deviceId: number): boolean {
    return deviceId < 2 ** (DIRECTORY_SHIFTS[this.#levels] ?? DEVICE_ID_BITS);
  }

  /** Makes the directories down to a device's context. False: no memory. What was made stays, for the next attempt. */
  cover(deviceId: number): boolean {
    return this.#find(deviceId, true) !== undefined;
  }

  /** Whether the device's context is valid. */
  isValid(deviceId: number): boolean {
    const context = this.#find(deviceId, false);
    return context !== undefined && TC.get(this.#load(context), 'V') !== 0n;
  }

  /** Writes all but tc, then tc: the unit may look at any time. The device was {@link cover}ed, and its context is not valid. */
  write(deviceId: number, { tc, ta, fsc }: ContextWords): void {
    const context = this.#find(deviceId, false)!;
    this.#store(context + 8n, 0n);
    this.#store(context + 16n, ta);
    this.#store(context + 24n, fsc);
    this.#store(context, tc);
  }

  /** Makes a device's context invalid. */
  clear(deviceId: number): void {
    const context = this.#find(deviceId, false);
    if (context !== undefined) this.#store(context, 0n);
  }

  /** Address of a context; undefined: there is no directory for it, or no memory for one. */
  #find(deviceId: number, create: boolean): bigint | undefined {
    let directory = frameAddress(this.#root);
    for (let level = this.#levels - 1; level > 0; level--) {
      const at = directory + BigInt(this.#index(deviceId, level) * 8);
      let entry = this.#load(at);
      if (DDTE.get(entry, 'V') === 0n) {
        const frame = create ? this.#frames.allocate(0) : -1;
        if (frame < 0) return undefined;
        entry = DDTE.encode({ V: 1, PPN: BigInt(frame) });
        this.#store(at, entry);
      }
      directory = DDTE.get(entry, 'PPN') << 12n;
    }
    return directory + BigInt(this.#index(deviceId, 0) * CONTEXT_BYTES);
  }

  #index(deviceId: number, level: number): number {
    const end = DIRECTORY_SHIFTS[level + 1] ?? DEVICE_ID_BITS;
    return (deviceId % 2 ** end) >>> DIRECTORY_SHIFTS[level]!;
  }

  #load(address: bigint): bigint {
    this.#memory.load64(hi32(address), lo32(address));
    return join64(this.#memory.loadedHi, this.#memory.loadedLo);
  }

  #store(address: bigint, word: bigint): void {
    this.#memory.store64(hi32(address), lo32(address), hi32(word), lo32(word));
  }
}
