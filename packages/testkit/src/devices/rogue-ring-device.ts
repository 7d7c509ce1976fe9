import type { DmaPort, DmaReadOutcome } from '@ioasis/core';
import { RingDevice, type RingDescriptor, type RingOptions } from './ring-device.js';

/** What a {@link RogueRingDevice} does wrong. */
export interface RogueOptions extends RingOptions {
  /** Bytes that each buffer read goes on behind the buffer's end. 0 unless given. */
  readonly overrun?: number;
}

/**
 * A ring device that does what an IOMMU is there to stop: it walks off the end of the buffers that it is given, and reads buffers again that it
 * has given back. Its driver is a `RingDriver`; the damage is in {@link RingDevice.transfers}.
 */
export class RogueRingDevice extends RingDevice {
  readonly #overrun: number;
  #port: DmaPort | undefined;
  #last: RingDescriptor | undefined;

  constructor(options: RogueOptions = {}) {
    super(options);
    this.#overrun = options.overrun ?? 0;
  }

  protected override move(port: DmaPort, descriptor: RingDescriptor): [outcome: number, length: number] {
    this.#port = port;
    this.#last = descriptor;
    const answer = super.move(port, descriptor);
    if (this.#overrun > 0 && descriptor.toDevice) {
      this.transfers.push(port.read(descriptor.address + BigInt(descriptor.length), this.#overrun));
    }
    return answer;
  }

  /** Reads the buffer of the last descriptor once more, long after it was completed. @throws RangeError before the first descriptor */
  readAgain(): DmaReadOutcome {
    if (this.#port === undefined || this.#last === undefined) throw new RangeError('no descriptor was worked off yet');
    const outcome = this.#port.read(this.#last.address, this.#last.length);
    this.transfers.push(outcome);
    return outcome;
  }
}
