/** What an invalidation request names: inclusive bytes of one PASID, of requests without PASID, or of whatever PASID. */
export interface DeviceTlbRange {
  /** `NO_PASID` for requests without one; undefined: all. */
  readonly pasid: number | undefined;
  readonly startHi: number;
  readonly startLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
}

/** What a device does with an invalidation request: entries dropped; no completion comes in time; or one comes that nobody asked for. */
export type InvalidationAnswer = number | 'timed-out' | 'unexpected';

/** Response codes of a page group response (PCIe 6.0, 10.4.2). */
export const PrgResponseCode = { SUCCESS: 0, INVALID_REQUEST: 1, FAILURE: 15 } as const;

/** A page request message of a device (PCIe 6.0, 10.4.1). */
export interface PageRequestMessage {
  readonly requesterId: number;
  readonly pasid: number | undefined;
  /** Any byte of the page. */
  readonly address: bigint;
  readonly read: boolean;
  readonly write: boolean;
  /** Only with a PASID. */
  readonly execute?: boolean;
  /** Only with a PASID. */
  readonly privileged?: boolean;
  /** Nine bits. */
  readonly groupIndex: number;
  readonly lastInGroup: boolean;
}

/**
 * What became of a page request: in memory, for software to answer; answered by the unit itself, because it could not be queued and was the
 * last of its group; lost; or refused with a fault, which is in the unit's `translation.fault`.
 */
export type PageRequestResult = 'queued' | 'answered' | 'lost' | 'refused';

/** The answer to a group of page requests. */
export interface PageGroupResponse {
  readonly requesterId: number;
  readonly pasid: number | undefined;
  readonly groupIndex: number;
  /** One of {@link PrgResponseCode}, or what software put there. */
  readonly code: number;
}

/** A device as its unit reaches it: the messages of ATS and PRI. */
export interface Endpoint {
  /** An invalidation request. */
  invalidateTlb(range: DeviceTlbRange): InvalidationAnswer;
  /** The response to a page request group. */
  pageGroupResponse(response: PageGroupResponse): void;
}
