import type { Refusal } from '@ioasis/core';
import type { TaskFailures } from './task-failures.js';

/** A refused call of a program, as it happens. */
export type RefusalListener = (pid: number, call: string, refusal: Refusal) => void;

/** How a server differs from the usual one. */
export interface ServerOptions {
  /** Told of every call that is refused. */
  readonly refused?: RefusalListener | undefined;
  /** Whether the machine's calls are written down, which then need the program's memory beside them. */
  readonly isRecorded?: boolean | undefined;
  /** The machine's failure source, when programs may ask for failures by `/proc/self/fail-nth`. */
  readonly failures?: TaskFailures | undefined;
}
