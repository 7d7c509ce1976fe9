import type { DmaOutcome, ErrnoName, IoResult } from '@ioasis/core';
import type { Requester } from '../machine/index.js';
import { faults, type ExpectedFault } from './faults.js';
import { hasNoLeaks, type Closable } from './has-no-leaks.js';
import { holdsInvariants, type MachineHolder } from './holds-invariants.js';
import { refuses } from './refuses.js';
import { translates } from './translates.js';
import { explainVerdict, type Verdict } from './verdict.js';

/** What a matcher gives to `expect`, of vitest and of jest. */
export interface MatcherOutcome {
  readonly pass: boolean;
  /** Why it failed, or why it passed for `.not`. */
  message(): string;
}

/** The signatures of {@link ioasisMatchers} as they appear on `expect(...)`. */
export interface IoasisMatchers {
  /** An `IoResult` is a refusal with this errno and, if given, this code. */
  toRefuse(errno: ErrnoName, code?: string): void;
  /** A piece of a DMA was refused as expected; what is absent may be anything. */
  toFault(expected?: ExpectedFault): void;
  /** A requester, such as a `TestMachine`, reaches this physical address. */
  toTranslate(iova: bigint, pa: bigint, access?: 'read' | 'write'): void;
  /** The books of a machine agree. */
  toHoldInvariants(): void;
  /** Nothing is held after a machine's end, which this brings about. */
  toHaveNoLeaks(): void;
}

const outcome = (verdict: Verdict): MatcherOutcome => ({
  pass: verdict.pass,
  message: () => explainVerdict(verdict, verdict.pass),
});

/** Matchers for `expect.extend(ioasisMatchers)`; `@ioasis/testkit/vitest` does it and brings their types. */
export const ioasisMatchers: {
  /** See {@link IoasisMatchers.toRefuse}. */
  readonly toRefuse: (received: IoResult<unknown>, errno: ErrnoName, code?: string) => MatcherOutcome;
  /** See {@link IoasisMatchers.toFault}. */
  readonly toFault: (received: DmaOutcome, expected?: ExpectedFault) => MatcherOutcome;
  /** See {@link IoasisMatchers.toTranslate}. */
  readonly toTranslate: (received: Requester, iova: bigint, pa: bigint, access?: 'read' | 'write') => MatcherOutcome;
  /** See {@link IoasisMatchers.toHoldInvariants}. */
  readonly toHoldInvariants: (received: MachineHolder) => MatcherOutcome;
  /** See {@link IoasisMatchers.toHaveNoLeaks}. */
  readonly toHaveNoLeaks: (received: Closable) => MatcherOutcome;
} = {
  toRefuse: (received, errno, code) => outcome(refuses(received, errno, code)),
  toFault: (received, expected) => outcome(faults(received, expected)),
  toTranslate: (received, iova, pa, access) => outcome(translates(received, iova, pa, access)),
  toHoldInvariants: (received) => outcome(holdsInvariants(received)),
  toHaveNoLeaks: (received) => outcome(hasNoLeaks(received)),
};
