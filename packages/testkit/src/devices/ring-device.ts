import type { DmaOutcome, DmaPort, InterruptSink, PciFunction, PciInterrupts, PciRegion } from '@ioasis/core';
import { isBusMaster, pciConfig, signalInterrupt } from './pci-config.js';
import { registerRegion } from './register-region.js';
import {
  RING_ADDRESS,
  RING_COMMAND,
  RING_DESCRIPTOR_BYTES,
  RING_IDENTIFICATION,
  RingControl,
  RingOutcome,
  RingPci,
  RingRegister,
  RingStatus,
} from './ring-layout.js';

/** How a {@link RingDevice} works. */
export interface RingOptions {
  /** `immediate` (default): descriptors are worked off when the doorbell rings; `stepped`: when {@link RingDevice.step} is called. */
  readonly completion?: 'immediate' | 'stepped';
}

/** A descriptor as the device read it. */
export interface RingDescriptor {
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
  readonly toDevice: boolean;
}

const MOST_ENTRIES = 4096;

const initialConfig = (): Uint8Array =>
  pciConfig({
    vendorId: RingPci.VENDOR_ID,
    deviceId: RingPci.DEVICE_ID,
    classCode: RingPci.CLASS_CODE,
    revision: RingPci.REVISION,
    subsystemVendorId: 0,
    subsystemId: 0,
    command: 0x0003,
    bar0: 0xfeb0_0000,
    interruptLine: 0x0b,
  });

/**
 * A device with a ring of descriptors in memory: the driver fills descriptors and rings the doorbell, the device fetches each, moves the buffer's
 * bytes, writes the outcome into the descriptor and raises an interrupt. It is its own other end: what one descriptor sends, a later one
 * receives, first in, first out.
 */
export class RingDevice implements PciFunction {
  readonly vendorId: number = RingPci.VENDOR_ID;
  readonly deviceId: number = RingPci.DEVICE_ID;
  readonly classCode: number = RingPci.CLASS_CODE;
  readonly revision: number = RingPci.REVISION;
  readonly interrupts: PciInterrupts = { intx: 1, msi: 1, msix: 0 };
  readonly resettable: boolean = true;
  readonly config: Uint8Array = initialConfig();
  readonly bars: readonly (PciRegion | undefined)[];
  /** What was sent and not yet received. */
  readonly held: Uint8Array[] = [];
  /** What became of every DMA of a buffer, oldest first. A real device keeps this to itself. */
  readonly transfers: DmaOutcome[] = [];

  readonly #isStepped: boolean;
  #port: DmaPort | undefined;
  #interrupt: InterruptSink | undefined;
  #control = 0;
  #entries = 0;
  #base = 0n;
  #head = 0;
  #tail = 0;
  #status = 0;

  constructor({ completion = 'immediate' }: RingOptions = {}) {
    this.#isStepped = completion === 'stepped';
    this.bars = [
      registerRegion(RingPci.BAR0_BYTES, {
        accepts: (offset, bytes) => bytes === 4 || (bytes === 8 && offset === RingRegister.BASE),
        load: (offset) => this.#load(offset),
        store: (offset, value) => this.#store(offset, value),
      }),
    ];
  }

  connect(port: DmaPort, interrupt: InterruptSink): void {
    this.#port = port;
    this.#interrupt = interrupt;
  }

  /** Registers and ring as after power on; what was in flight is forgotten. */
  reset(): void {
    this.config.set(initialConfig());
    this.held.length = 0;
    this.#control = this.#entries = this.#head = this.#tail = this.#status = 0;
    this.#base = 0n;
  }

  /** Works off up to `limit` descriptors. @returns how many */
  step(limit: number = Number.POSITIVE_INFINITY): number {
    let done = 0;
    while (done < limit && this.#next()) done++;
    return done;
  }

  /** Moves a buffer's bytes. @returns the descriptor's answer: outcome and length */
  protected move(port: DmaPort, { address, length, toDevice }: RingDescriptor): [outcome: number, length: number] {
    if (toDevice) {
      const read = port.read(address, length);
      this.transfers.push(read);
      if (read.status !== 'ok') return [RingOutcome.FAILED, 0];
      this.held.push(read.data);
      return [RingOutcome.DONE, length];
    }
    const data = this.held.shift();
    if (data === undefined) return [RingOutcome.EMPTY, 0];
    const written = port.write(address, data.subarray(0, length));
    this.transfers.push(written);
    return [written.status === 'ok' ? RingOutcome.DONE : RingOutcome.FAILED, Math.min(length, data.length)];
  }

  /** Fetches, moves, completes one descriptor. False: there is none, or the device may not. */
  #next(): boolean {
    const port = this.#port;
    const isRunning = (this.#control & RingControl.ENABLE) !== 0 && isBusMaster(this.config);
    if (port === undefined || !isRunning || this.#head === this.#tail) return false;
    const at = this.#base + BigInt(this.#head * RING_DESCRIPTOR_BYTES);
    const fetched = port.read(at, RING_DESCRIPTOR_BYTES);
    if (fetched.status !== 'ok') return this.#stop();
    const words = new DataView(fetched.data.buffer);
    const command = words.getBigUint64(8, true);
    const [outcome, length] = this.move(port, {
      address: RING_ADDRESS.get(words.getBigUint64(0, true), 'ADDRESS'),
      length: Number(RING_COMMAND.get(command, 'LENGTH')),
      toDevice: RING_COMMAND.get(command, 'TO_DEVICE') === 1n,
    });
    const keep = command & RING_COMMAND.mask('TO_DEVICE');
    words.setBigUint64(8, keep | RING_COMMAND.encode({ STATUS: outcome, LENGTH: length }), true);
    if (port.write(at + 8n, fetched.data.subarray(8)).status !== 'ok') return this.#stop();
    this.#head = (this.#head + 1) % this.#entries;
    this.#raise(RingStatus.COMPLETION);
    return true;
  }

  #stop(): false {
    this.#control &= ~RingControl.ENABLE;
    this.#raise(RingStatus.RING_UNREACHABLE);
    return false;
  }

  #raise(bit: number): void {
    this.#status |= bit;
    if ((this.#control & RingControl.INTERRUPT) !== 0) signalInterrupt(this.config, this.#interrupt);
  }

  #load(offset: number): bigint | undefined {
    switch (offset) {
      case RingRegister.IDENTIFICATION:
        return BigInt(RING_IDENTIFICATION);
      case RingRegister.CONTROL:
        return BigInt(this.#control);
      case RingRegister.ENTRIES:
        return BigInt(this.#entries);
      case RingRegister.HEAD:
        return BigInt(this.#head);
      case RingRegister.BASE:
        return this.#base;
      case RingRegister.TAIL:
        return BigInt(this.#tail);
      case RingRegister.STATUS:
        return BigInt(this.#status);
      default:
        return undefined;
    }
  }

  #store(offset: number, value: bigint): void {
    const low = Number(value & 0xffff_ffffn);
    switch (offset) {
      case RingRegister.CONTROL:
        this.#control = low & (RingControl.ENABLE | RingControl.INTERRUPT);
        break;
      case RingRegister.ENTRIES:
        this.#entries = low >= 2 && low <= MOST_ENTRIES ? low : 0;
        this.#head = this.#tail = 0;
        break;
      case RingRegister.BASE:
        this.#base = value;
        break;
      case RingRegister.TAIL:
        if (low < this.#entries) this.#tail = low;
        if (!this.#isStepped) this.step();
        break;
      case RingRegister.STATUS:
        this.#status &= ~low;
        break;
      default:
    }
  }
}
