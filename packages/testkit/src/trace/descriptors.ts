import { Buffer } from 'node:buffer';
import { IommufdRequest, VfioRequest } from '@ioasis/core';
import { TestOp } from '../mock/test-command.js';
import type { PointerIoctl } from './format.js';

/** Operations of the test command whose `id` field is the descriptor of an access (replay rule 4). */
const ACCESS_OPERATIONS: readonly number[] = [
  TestOp.DESTROY_ACCESS_PAGES,
  TestOp.ACCESS_PAGES,
  TestOp.ACCESS_RW,
  TestOp.ACCESS_REPLACE_IOAS,
];
const TEST_OPERATION_OFFSET = 4;

/** Where the argument block of an ioctl holds a descriptor number that the caller wrote; -1: nowhere. */
function descriptorOffset(request: number, block: Buffer): number {
  switch (request) {
    case VfioRequest.GROUP_SET_CONTAINER:
      return 0;
    case VfioRequest.DEVICE_BIND_IOMMUFD:
      return 8;
    case IommufdRequest.TEST_CMD:
      return block.length >= 8 && ACCESS_OPERATIONS.includes(block.readUInt32LE(TEST_OPERATION_OFFSET)) ? 8 : -1;
    default:
      return -1;
  }
}

/**
 * The descriptors of one scenario: symbolic name, number in the recording, number here. Replay rule 4: an implementation that hands
 * out other numbers translates them wherever they travel in bytes.
 */
export class TraceDescriptors {
  readonly #byName = new Map<string, { readonly recorded: number; readonly here: number }>();
  readonly #byRecorded = new Map<number, number>();

  /** A descriptor was made. `recorded` is undefined when the recording has none, because the call failed there. */
  add(name: string, recorded: number | undefined, here: number): void {
    this.#byName.set(name, { recorded: recorded ?? here, here });
    if (recorded !== undefined) this.#byRecorded.set(recorded, here);
  }

  /** The name is closed. */
  remove(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    if (this.#byRecorded.get(known.recorded) === known.here) this.#byRecorded.delete(known.recorded);
  }

  /** Number here of a name; -1 (a bad descriptor) when the call that should have made it failed. */
  here(name: string): number {
    return this.#byName.get(name)?.here ?? -1;
  }

  /** Bytes of an argument block with the recording's numbers replaced by ours. */
  translate(step: PointerIoctl, hex: string): string {
    const block = Buffer.from(hex, 'hex');
    const offset = descriptorOffset(Number(step.nr), block);
    if (offset < 0 || block.length < offset + 4) return hex;
    const recorded = block.readInt32LE(offset);
    const here = this.#byRecorded.get(recorded);
    if (here === undefined || here === recorded) return hex;
    block.writeInt32LE(here, offset);
    return block.toString('hex');
  }
}
