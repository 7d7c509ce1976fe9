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

/** A feature with its state. */
export const fidelityRow = (
  level: FidelityFeature['level'],
  feature: string,
  state: FidelityState,
  note?: string,
): FidelityFeature => (note === undefined ? { level, feature, state } : { level, feature, state, note });

/**
 * A feature that a capability field or an option switches: without it the unit is one that does not have it.
 * @param switchedBy the field or option
 */
export const optionalFidelity = (
  level: FidelityFeature['level'],
  feature: string,
  isOn: boolean,
  switchedBy: string,
): FidelityFeature => fidelityRow(level, feature, isOn ? 'modelled' : 'absent', switchedBy);
