/** How much of a feature a model has: all that software can see, a named part, or nothing. */
export type FidelityState = 'modelled' | 'part' | 'absent';

/** One feature of a unit on the fidelity ladder: 1 basic translation ... 4 what only real hardware shows. */
export interface FidelityFeature {
  readonly level: 1 | 2 | 3 | 4;
  /** In the datasheet's terms. */
  readonly feature: string;
  readonly state: FidelityState;
  /** Which option or capability field switches it on; what is missing, and why, unless it is modelled. */
  readonly note?: string;
}
