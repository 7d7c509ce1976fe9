import type { FailureKind, FailureSource } from '@ioasis/core';

/**
 * Failures that threads of programs ask for, each for its own calls, as `fail-nth` of Linux does it
 * (Documentation/fault-injection/fault-injection.rst). A machine made with this as its failure source shows programs `/proc/self/fail-nth`.
 */
export class TaskFailures implements FailureSource {
  readonly #others: FailureSource;
  /** Points that a thread still passes, the failing one included. */
  readonly #left = new Map<number, number>();
  #task = 0;

  /** @param others asked at points of which no thread asked anything */
  constructor(others: FailureSource) {
    this.#others = others;
  }

  /** Points that a thread has before it, the one that fails included; 0: nothing is to fail, or it has failed. */
  left(task: number): number {
    return this.#left.get(task) ?? 0;
  }

  /** Lets the n-th point from here on fail that a thread passes; 0: none. */
  arm(task: number, nth: number): void {
    if (nth === 0) this.#left.delete(task);
    else this.#left.set(task, nth);
  }

  /** Runs a call of a thread; 0: the call has no failure points. */
  during<A>(task: number, call: () => A): A {
    const outer = this.#task;
    this.#task = task;
    try {
      return call();
    } finally {
      this.#task = outer;
    }
  }

  fails(kind: FailureKind): boolean {
    const left = this.left(this.#task);
    if (left === 0) return this.#others.fails(kind);
    this.arm(this.#task, left - 1);
    return left === 1;
  }
}
