import type { DeviceTlb, DeviceTlbRange } from '@ioasis/core';

/** The unit's answer to a page request. */
export interface PageResponse {
  readonly deviceId: number;
  readonly pasid: number | undefined;
  /** Completion tag of the request, ten bits. */
  readonly tag: number;
  /** 0 success, 1 invalid request, 15 failure. */
  readonly status: number;
}

/** A device as the unit reaches it: over PCIe messages. */
export interface Endpoint {
  /** @returns entries that the device dropped, or `timed-out`: no completion came */
  invalidateTlb(range: DeviceTlbRange): number | 'timed-out';
  /** COMPLETE_PPR_REQUEST arrives at the device. */
  pageResponse(response: PageResponse): void;
}

/** The endpoint of a device that has a TLB and sends no page requests. */
export const tlbEndpoint = (tlb: DeviceTlb): Endpoint => ({
  invalidateTlb: (range) => tlb.invalidate(range),
  pageResponse: () => undefined,
});
