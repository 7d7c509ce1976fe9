import type { Range64 } from '@ioasis/core';

const MIB_SHIFT = 20;

/** The interrupt address range (VT-d 3.14), whole MiB below 4 GiB. */
export class InterruptWindow {
  /** MiB numbers, inclusive. */
  readonly first: number;
  readonly last: number;

  constructor(range: Range64) {
    this.first = Number(range.start >> BigInt(MIB_SHIFT));
    this.last = Number(range.last >> BigInt(MIB_SHIFT));
  }

  /** Whether an address lies in it. */
  contains(hi: number, lo: number): boolean {
    const mib = lo >>> MIB_SHIFT;
    return hi === 0 && mib >= this.first && mib <= this.last;
  }

  /** Whether the page of 2^shift bytes around an address shares a byte with it. */
  touches(hi: number, lo: number, shift: number): boolean {
    if (shift <= MIB_SHIFT) return this.contains(hi, lo);
    if (hi !== 0) return false;
    const mibs = 2 ** (shift - MIB_SHIFT);
    const first = Math.floor((lo >>> MIB_SHIFT) / mibs) * mibs;
    return first <= this.last && this.first < first + mibs;
  }
}
