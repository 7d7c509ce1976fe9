/*
 * Addresses are 64 bits wide. At the public surface they are branded bigints, so that an IOVA is not passed where a physical
 * address belongs. Inside hot paths they are two int32 words (hi, lo): see design notes in docs/architecture.
 */

declare const iovaBrand: unique symbol;
declare const physBrand: unique symbol;
declare const userBrand: unique symbol;

/** I/O virtual address, bytes. */
export type Iova = bigint & { readonly [iovaBrand]: true };
/** Host physical address, bytes. */
export type PhysAddr = bigint & { readonly [physBrand]: true };
/** Virtual address of a process, bytes. */
export type UserAddr = bigint & { readonly [userBrand]: true };

const MASK64 = 0xffff_ffff_ffff_ffffn;

function word64(kind: string, value: bigint | number): bigint {
  const big = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value) : -1n;
  if (big < 0n || big > MASK64) throw new RangeError(`${kind} ${String(value)} is not an unsigned 64-bit integer`);
  return big;
}

/** Makes an {@link Iova}; throws RangeError unless the value is an unsigned 64-bit integer. */
export const iova = (value: bigint | number): Iova => word64('iova', value) as Iova;
/** Makes a {@link PhysAddr}; throws RangeError unless the value is an unsigned 64-bit integer. */
export const physAddr = (value: bigint | number): PhysAddr => word64('physical address', value) as PhysAddr;
/** Makes a {@link UserAddr}; throws RangeError unless the value is an unsigned 64-bit integer. */
export const userAddr = (value: bigint | number): UserAddr => word64('user address', value) as UserAddr;

// `| 0`, because V8 makes -2^31 of a bigint a double, and a field that once held a double is slow for good.
/** High word of a 64-bit value, as int32. Most values are exact as doubles, which spares a bigint for the shifted value. */
export const hi32 = (value: bigint): number => {
  const double = Number(value);
  return double >= 0 && double < 2 ** 53 ? (double / 0x1_0000_0000) | 0 : Number(BigInt.asIntN(32, value >> 32n)) | 0;
};
/** Low word of a 64-bit value, as int32. */
export const lo32 = (value: bigint): number => Number(BigInt.asIntN(32, value)) | 0;
/** Joins two int32 (or uint32) words to an unsigned 64-bit value. */
export const join64 = (hi: number, lo: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

/** `0x…` of a 64-bit value, as every log line and refusal prints it. */
export const hex = (value: bigint | number): string =>
  `0x${(typeof value === 'bigint' ? value : BigInt(value)).toString(16)}`;
