import type { HardwareFault } from '@ioasis/core';
import type { EventName } from '../layouts/events.js';

/** Refusals that the architecture records no event for, besides the events. */
export type SilentRefusal = 'ABORT' | 'NO_TRANSLATION';

/**
 * A refused request: an SMMUv3 event, or code 0 where there is none. `ABORT`: the STE or GBPA says abort; `NO_TRANSLATION`: the address
 * is wider than the bus and never reached the unit.
 */
export interface SmmuV3Fault extends HardwareFault {
  readonly vendor: 'arm-smmuv3';
  readonly name: EventName | SilentRefusal;
}
