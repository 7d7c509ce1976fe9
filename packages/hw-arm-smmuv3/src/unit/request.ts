import { NO_PASID } from '@ioasis/core';

/** The request that is being answered. One object per unit, reused. */
export class Request {
  streamId = 0;
  /** SubstreamID or `NO_PASID`. */
  substreamId: number = NO_PASID;
  iovaHi = 0;
  iovaLo = 0;
  /** OR of `Access`. */
  access = 0;
}
