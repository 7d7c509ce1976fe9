/** Sources of the unit's interrupts. */
export type InterruptSource = 'gerror' | 'eventq' | 'priq' | 'sync';

/** What becomes of a stalled transaction. */
export type ResumeOutcome = 'terminate' | 'retry' | 'abort';

/** What a unit is wired to besides memory. */
export interface UnitPorts {
  /** A wired interrupt; interrupts with an MSI address are written to memory instead. */
  interrupt(source: InterruptSource): void;
  /** CMD_SYNC with CS = SEV. */
  sendEvent(): void;
  /** CMD_RESUME or CMD_STALL_TERM decides about a stalled transaction. */
  resume(streamId: number, stallTag: number, outcome: ResumeOutcome): void;
}

/** A unit that is wired to nothing. */
export const NO_PORTS: UnitPorts = {
  interrupt: () => undefined,
  sendEvent: () => undefined,
  resume: () => undefined,
};
