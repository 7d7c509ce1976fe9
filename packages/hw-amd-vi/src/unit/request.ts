import { NO_PASID } from '@ioasis/core';

/** The request that is being answered. One object per unit, reused. */
export class Request {
  deviceId = 0;
  pasid: number = NO_PASID;
  iovaHi = 0;
  iovaLo = 0;
  /** OR of `Access`. */
  access = 0;

  set(deviceId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): void {
    this.deviceId = deviceId;
    this.pasid = pasid;
    this.iovaHi = iovaHi;
    this.iovaLo = iovaLo;
    this.access = access;
  }
}
