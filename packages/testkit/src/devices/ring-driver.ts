import { EventFile, IrqSetFlag, PciIrqIndex, PciRegionIndex, type VfioDeviceClient } from '@ioasis/compat-vfio';
import { must } from '../machine/must.js';
import type { ProgramBuffer } from '../machine/program-buffer.js';
import { BUS_MASTER, PciConfig } from './pci-config.js';
import {
  RING_ADDRESS,
  RING_COMMAND,
  RING_DESCRIPTOR_BYTES,
  RingControl,
  RingOutcome,
  RingRegister,
} from './ring-layout.js';

/** What the device answered to a descriptor. */
export interface RingCompletion {
  /** Index of the descriptor. */
  readonly index: number;
  readonly outcome: 'done' | 'failed' | 'empty';
  /** Bytes that were moved. */
  readonly length: number;
}

const outcomes: Readonly<Record<number, RingCompletion['outcome']>> = {
  [RingOutcome.DONE]: 'done',
  [RingOutcome.FAILED]: 'failed',
  [RingOutcome.EMPTY]: 'empty',
};

/**
 * A user space driver of a ring device: it has the device's VFIO file open and the ring in its memory. Mapping the ring and the buffers is the
 * caller's: that is what a test is about.
 */
export class RingDriver {
  readonly #vfio: VfioDeviceClient;
  readonly #ring: ProgramBuffer;
  readonly #entries: number;
  readonly #event = new EventFile();
  /** Next descriptor to fill, and next one to look at for its answer. */
  #next = 0;
  #oldest = 0;

  /**
   * Starts the device: bus mastering, ring, MSI.
   * @param ring memory of the ring, mapped at `iova`
   * @param entries descriptors, 2 to 4096; as many as fit the memory unless given
   */
  constructor(
    vfio: VfioDeviceClient,
    ring: ProgramBuffer,
    iova: bigint,
    entries: number = Math.min(4096, Number(ring.bytes) / RING_DESCRIPTOR_BYTES),
  ) {
    this.#vfio = vfio;
    this.#ring = ring;
    this.#entries = entries;
    const eventFd = must(vfio.process.install(this.#event));
    must(vfio.setIrqEvents(PciIrqIndex.MSI, 0, [eventFd]));
    const command = must(vfio.readConfig(PciConfig.COMMAND, 2));
    must(vfio.writeConfig(PciConfig.COMMAND, Uint8Array.of(command[0]! | BUS_MASTER, command[1]!)));
    this.#write(RingRegister.ENTRIES, BigInt(entries));
    this.#write(RingRegister.BASE, iova, 8);
    this.#write(RingRegister.CONTROL, BigInt(RingControl.ENABLE | RingControl.INTERRUPT));
  }

  /** Interrupts since the start. */
  get interrupts(): bigint {
    return this.#event.count;
  }

  /** Queues a buffer and rings the doorbell. @returns the descriptor's index. @throws RangeError when the ring is full */
  submit(direction: 'send' | 'receive', iova: bigint, length: number): number {
    const index = this.#next;
    const after = (index + 1) % this.#entries;
    if (after === this.#oldest) throw new RangeError(`the ring of ${this.#entries} descriptors is full`);
    const descriptor = new DataView(new ArrayBuffer(RING_DESCRIPTOR_BYTES));
    descriptor.setBigUint64(0, RING_ADDRESS.encode({ ADDRESS: iova }), true);
    descriptor.setBigUint64(8, RING_COMMAND.encode({ TO_DEVICE: direction === 'send', LENGTH: length }), true);
    this.#ring.write(index * RING_DESCRIPTOR_BYTES, new Uint8Array(descriptor.buffer));
    this.#next = after;
    this.#write(RingRegister.TAIL, BigInt(after));
    return index;
  }

  /** Takes the answers that came since the last call, in order. */
  reap(): RingCompletion[] {
    const completions: RingCompletion[] = [];
    for (; this.#oldest !== this.#next; this.#oldest = (this.#oldest + 1) % this.#entries) {
      const bytes = this.#ring.read(this.#oldest * RING_DESCRIPTOR_BYTES + 8, 8);
      const command = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
      const outcome = outcomes[Number(RING_COMMAND.get(command, 'STATUS'))];
      if (outcome === undefined) break;
      completions.push({ index: this.#oldest, outcome, length: Number(RING_COMMAND.get(command, 'LENGTH')) });
    }
    return completions;
  }

  /** A register of 4 bytes, e.g. `RingRegister.STATUS`. */
  readRegister(offset: number): number {
    const bytes = must(this.#vfio.read(PciRegionIndex.BAR0, offset, 4));
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  /** Stops the device and its interrupts; descriptors that it has not taken stay. */
  stop(): void {
    this.#write(RingRegister.CONTROL, 0n);
    must(
      this.#vfio.setIrqs({ flags: IrqSetFlag.NONE | IrqSetFlag.TRIGGER, index: PciIrqIndex.MSI, start: 0, count: 0 }),
    );
  }

  #write(offset: number, value: bigint, bytes: 4 | 8 = 4): void {
    const data = new Uint8Array(8);
    new DataView(data.buffer).setBigUint64(0, value, true);
    must(this.#vfio.write(PciRegionIndex.BAR0, offset, data.subarray(0, bytes)));
  }
}
