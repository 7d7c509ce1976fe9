import { done, type IoResult } from '../errno/index.js';
import type { Process } from '../process/index.js';
import type { ContextState } from './context-state.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;

/** Room for the largest structure, bytes. */
const FRAME_BYTES = 128;
/** `size` stands first. */
const SIZE_BYTES = 4;
/** Bytes of an over-long argument that are looked at together. */
const TAIL_CHUNK = 4096;
const U64 = (1n << 64n) - 1n;

/**
 * One ioctl of /dev/iommu on its way: who calls, where the argument lies, and its bytes as the kernel sees them. A frame is used again by
 * the next call, so that nothing is allocated for a call.
 */
export class IoctlFrame {
  readonly state: ContextState;
  process!: Process;
  /** Address of the structure. */
  argument = 0n;
  /** `size` as the caller gave it. */
  userSize = 0;
  /** The structure, zero-extended to what the kernel knows. */
  readonly view: DataView;
  readonly #bytes = new Uint8Array(FRAME_BYTES);
  readonly #words = new Int32Array(this.#bytes.buffer);
  /** Views of the first n bytes. */
  readonly #prefixes: readonly Uint8Array[];
  /** Size of the structure that the kernel knows, and how much of it could be read; bytes. */
  #knownSize = 0;
  #read = 0;

  constructor(state: ContextState) {
    this.state = state;
    this.view = new DataView(this.#bytes.buffer);
    this.#prefixes = Array.from({ length: FRAME_BYTES + 1 }, (_, length) => this.#bytes.subarray(0, length));
  }

  /**
   * Starts a call: reads `size`, and as much of the structure as the kernel knows in the same go.
   * @param knownSize bytes; 0 where the number is unknown
   */
  begin(process: Process, argument: bigint, knownSize: number): IoResult<0> {
    this.process = process;
    this.argument = argument;
    this.#knownSize = knownSize;
    this.#read = process.addressSpace.copyIn(argument, this.#prefix(Math.max(knownSize, SIZE_BYTES)), this.#words);
    if (this.#read < SIZE_BYTES) return refuse('IOCTL_SIZE_UNREADABLE', { argument });
    this.userSize = this.view.getUint32(0, true);
    return done;
  }

  /** Checks the structure (`copy_struct_from_user`): a longer one must end in zeroes, a shorter one is extended by zeroes. */
  load(minSize: number): IoResult<0> {
    const { userSize, argument } = this;
    const knownSize = this.#knownSize;
    if (userSize < minSize) return refuse('IOCTL_TOO_SMALL', { size: userSize, minSize });
    if (userSize > knownSize) {
      const tail = this.#checkTail(knownSize);
      if (tail !== done) return tail;
    }
    if (this.#read < Math.min(userSize, knownSize)) return refuse('IOCTL_UNREADABLE', { argument, size: userSize });
    if (userSize < knownSize) this.#bytes.fill(0, userSize, knownSize);
    return done;
  }

  /** Writes the structure back, as much of it as the caller has room for. What the call did stays done when this fails. */
  respond(): IoResult<0> {
    const bytes = Math.min(this.userSize, this.#knownSize);
    if (this.process.addressSpace.copyOut(this.argument, this.#prefix(bytes), this.#words) === bytes) return done;
    return refuse('IOCTL_NOT_WRITABLE', { argument: this.argument, size: this.userSize });
  }

  /** Writes `bytes` bytes of the structure back, from `offset` on. */
  respondPart(offset: number, bytes: number): IoResult<0> {
    const at = BigInt.asUintN(64, this.argument + BigInt(offset));
    const written = this.process.addressSpace.copyOut(at, this.#bytes.subarray(offset, offset + bytes));
    return written === bytes ? done : refuse('IOCTL_NOT_WRITABLE', { argument: at, size: bytes });
  }

  #prefix(length: number): Uint8Array {
    return this.#prefixes[length] as Uint8Array;
  }

  #checkTail(from: number): IoResult<0> {
    const { userSize, argument } = this;
    if (argument + BigInt(userSize) > U64) return refuse('IOCTL_UNREADABLE', { argument, size: userSize });
    const chunk = new Uint8Array(TAIL_CHUNK);
    for (let at = from; at < userSize; at += TAIL_CHUNK) {
      const bytes = Math.min(TAIL_CHUNK, userSize - at);
      const read = this.process.addressSpace.copyIn(argument + BigInt(at), chunk.subarray(0, bytes));
      const found = chunk.subarray(0, read).findIndex((byte) => byte !== 0);
      if (found >= 0) return refuse('IOCTL_TAIL_NOT_ZERO', { offset: at + found, value: chunk[found] ?? 0 });
      if (read < bytes) return refuse('IOCTL_UNREADABLE', { argument, size: userSize });
    }
    return done;
  }
}

/** Carries out one ioctl; the structure is in the frame. */
export type IoctlHandler = (frame: IoctlFrame) => IoResult<number>;
