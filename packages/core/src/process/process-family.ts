import type { Process } from './process.js';

/** The processes of a machine: numbers them and knows which ones live. */
export class ProcessFamily {
  readonly #alive = new Set<Process>();
  #lastPid = 0;

  /** A process starts. @returns its pid; numbers are not used again */
  admit(process: Process): number {
    this.#alive.add(process);
    return ++this.#lastPid;
  }

  /** A process ends; a second end is a bug of the caller. */
  dismiss(process: Process): void {
    if (!this.#alive.delete(process)) throw new Error(`process ${process.pid} has ended already`);
  }

  /** Living processes by age. */
  alive(): readonly Process[] {
    return [...this.#alive];
  }
}
