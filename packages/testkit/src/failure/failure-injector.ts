import type { FailureKind, FailureSource } from '@ioasis/core';

/** Which failure points fail. */
export interface FailurePlan {
  /** Only points of this kind fail and are counted; all kinds unless given. */
  readonly kind?: FailureKind;
  /** The first point that fails, counted from 1; 1 unless given. */
  readonly nth?: number;
  /** How many points fail one after the other; `'all'`: every further one. 1 unless given. */
  readonly times?: number | 'all';
}

/**
 * Decides at each of a machine's numbered failure points whether it fails: `createMachine({ failure })`. Disarmed it counts and lets
 * everything pass, so that a test can set up its machine first and {@link arm} then.
 */
export class FailureInjector implements FailureSource {
  #plan: FailurePlan | undefined;
  #asked = 0;
  #fired: FailureKind[] = [];

  constructor(plan?: FailurePlan) {
    if (plan !== undefined) this.arm(plan);
  }

  /** Points of the plan's kind that were passed since {@link arm}. */
  get points(): number {
    return this.#asked;
  }

  /** Kinds of the failures that were injected since {@link arm}, in order; empty: the plan's number was not reached. */
  get fired(): readonly FailureKind[] {
    return this.#fired;
  }

  /** Counts from here on. @throws RangeError when a number is not a whole one from 1 on */
  arm(plan: FailurePlan): void {
    for (const number of [plan.nth ?? 1, plan.times === 'all' ? 1 : (plan.times ?? 1)]) {
      if (!Number.isSafeInteger(number) || number < 1)
        throw new RangeError(`failures are counted from 1, not ${number}`);
    }
    this.#plan = plan;
    this.#asked = 0;
    this.#fired = [];
  }

  /** Nothing fails any more; {@link fired} and {@link points} keep what they say. */
  disarm(): void {
    this.#plan = undefined;
  }

  fails(kind: FailureKind): boolean {
    const plan = this.#plan;
    if (plan === undefined || (plan.kind !== undefined && plan.kind !== kind)) return false;
    this.#asked++;
    const { nth = 1, times = 1 } = plan;
    const isDue = this.#asked >= nth && (times === 'all' || this.#asked < nth + times);
    if (isDue) this.#fired.push(kind);
    return isDue;
  }
}

/** Fails the n-th point, of all kinds or of one, and no other. */
export const failNth = (nth: number, kind?: FailureKind): FailureInjector =>
  new FailureInjector({ nth, ...(kind !== undefined && { kind }) });

/** Fails every point of a kind: no page can be pinned, nothing can be allocated, the backend refuses every call. */
export const failEvery = (kind: FailureKind): FailureInjector => new FailureInjector({ kind, times: 'all' });
