import type { HardwareFault } from '@ioasis/core';
import type { SmmuV3Unit } from '../../src/index.js';

/** The word of the recordings for what an access came to. */
export const recordedOutcome =
  (unit: SmmuV3Unit) =>
  (_requesterId: number, _iova: bigint, fault: HardwareFault | undefined): string => {
    if (fault === undefined) return { translated: 'ok', bypass: 'bypass', disabled: 'disable' }[unit.passage];
    if (fault.name === 'ABORT') return 'abort';
    return fault.name === 'NO_TRANSLATION' ? 'no-translation' : 'fault';
  };
