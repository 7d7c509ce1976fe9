import type { InvalidatedRange } from './translation-caches.js';

/** Sources of the unit's interrupts. */
export type InterruptSource = 'event-log' | 'completion-wait' | 'ppr-log';

/** What a unit is wired to besides memory. */
export interface UnitPorts {
  interrupt(source: InterruptSource): void;
  /**
   * INVALIDATE_IOTLB_PAGES reaches the device's own TLB.
   * @param pasid or -1
   * @returns false: the device did not answer in time
   */
  invalidateDeviceTlb(deviceId: number, pasid: number, range: InvalidatedRange): boolean;
  /** COMPLETE_PPR_REQUEST reaches the device. @param status 0 success, 1 invalid, 15 failure */
  completePageRequest(deviceId: number, pasid: number, tag: number, status: number): void;
}

/** A unit that is wired to nothing: devices without TLBs answer at once. */
export const NO_PORTS: UnitPorts = {
  interrupt: () => undefined,
  invalidateDeviceTlb: () => true,
  completePageRequest: () => undefined,
};
