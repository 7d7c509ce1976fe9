import type { Refusal } from '@ioasis/core';
import type { NewDescriptor } from './format.js';

/** What a step came to here. Bytes are hexadecimal in memory order; fields that a step's kind does not have are undefined. */
export interface StepOutcome {
  readonly ret?: number;
  readonly errno?: string | null;
  /** Why the call was refused; a recording has only the errno. */
  readonly refusal?: Refusal;
  /** Number that open returned. */
  readonly fdnum?: number;
  readonly newfd?: NewDescriptor;
  /** The argument block as it was handed in, with our descriptor numbers. */
  readonly sent?: string;
  /** The block that the recording has after the call, with our descriptor numbers. */
  readonly wanted?: string;
  /** Watched memory after the call. */
  readonly out?: string;
  /** `bufs[].out`, in order. */
  readonly bufs?: readonly string[];
  /** Of `peek` and `config`. */
  readonly data?: string;
  readonly revents?: number;
  /** What was thrown instead of an answer: a bug of ioasis. */
  readonly exception?: string;
}
