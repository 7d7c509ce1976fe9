/**
 * A unit's register window, the only way in which a driver reaches a unit besides memory. Offsets are bytes from the unit's base.
 * Values are int32 words (hi, lo). An access outside the window or of a register that does not exist reads 0 and writes nothing,
 * as on a bus that does not abort.
 */
export interface MmioWindow {
  /** Size of the window in bytes. */
  readonly mmioBytes: number;
  /** One 4-byte load; `offset` is a multiple of 4. @returns an int32 */
  read32(offset: number): number;
  /** One 4-byte store; `offset` is a multiple of 4. */
  write32(offset: number, value: number): void;
  /** One 8-byte store; the unit sees both halves at once. */
  write64(offset: number, hi: number, lo: number): void;
}

/** Reads an 8-byte register: registers have no read side effects, so two halves are as good as one access. */
export const read64 = (mmio: MmioWindow, offset: number): bigint =>
  (BigInt(mmio.read32(offset + 4) >>> 0) << 32n) | BigInt(mmio.read32(offset) >>> 0);

/** Writes an 8-byte register in one store. */
export const write64 = (mmio: MmioWindow, offset: number, value: bigint): void =>
  mmio.write64(offset, Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value)));
