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
  /**
   * CMD_ATC_INV reaches the device's own cache.
   * @param substreamId or -1
   * @returns how many entries the device dropped; undefined: it did not answer in time
   */
  invalidateAtc(streamId: number, substreamId: number, start: bigint, last: bigint): number | undefined;
  /** CMD_PRI_RESP reaches the device. @param response 0 deny, 1 fail, 2 success */
  pageResponse(streamId: number, substreamId: number, group: number, response: number): void;
  /** CMD_RESUME or CMD_STALL_TERM decides about a stalled transaction. */
  resume(streamId: number, stallTag: number, outcome: ResumeOutcome): void;
}

/** A unit that is wired to nothing: devices answer at once. */
export const NO_PORTS: UnitPorts = {
  interrupt: () => undefined,
  sendEvent: () => undefined,
  invalidateAtc: () => 0,
  pageResponse: () => undefined,
  resume: () => undefined,
};
