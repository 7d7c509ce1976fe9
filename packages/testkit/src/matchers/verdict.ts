import { AssertionError } from 'node:assert';

/** What a check found, with all that is needed to explain it. The text is made only when somebody reads it. */
export interface Verdict {
  readonly pass: boolean;
  /** What was looked at: `the call`, `the DMA`. */
  readonly subject: string;
  /** What was asked of it, behind "to": `be refused with EINVAL`. */
  readonly expectation: string;
  /** What was seen instead, one fact per line. */
  seen(): string;
}

/** Why a verdict fails an expectation. @param negated the opposite was expected */
export const explainVerdict = ({ subject, expectation, seen }: Verdict, negated: boolean = false): string =>
  `expected ${subject} ${negated ? 'not to' : 'to'} ${expectation}\n${seen()}`;

/** @throws AssertionError of node:assert with the explanation when the verdict is not pass */
export function assertVerdict(verdict: Verdict): void {
  if (verdict.pass) return;
  throw new AssertionError({
    message: explainVerdict(verdict),
    operator: verdict.expectation,
    stackStartFn: assertVerdict,
  });
}
