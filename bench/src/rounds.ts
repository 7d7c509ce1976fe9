/** ns per operation (medians of repetitions), by workload. */
export type Figures = Record<string, number>;
/** Check sums in hex, by radix.c's names. */
export type Sums = Record<string, string>;

/** Figures of every round, by unit and workload. */
export class Rounds {
  readonly #units = new Map<string, Map<string, number[]>>();

  note(unit: string, figures: Figures): void {
    const workloads = this.#units.get(unit) ?? new Map<string, number[]>();
    this.#units.set(unit, workloads);
    for (const [workload, value] of Object.entries(figures)) {
      const list = workloads.get(workload) ?? [];
      workloads.set(workload, list);
      list.push(value);
    }
  }

  /** Units in the order in which they were noted. */
  get units(): string[] {
    return [...this.#units.keys()];
  }

  /** One value a round; empty when the unit has no such workload. */
  of(unit: string, workload: string): readonly number[] {
    return this.#units.get(unit)?.get(workload) ?? [];
  }
}
