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

/* A bigint stored here is cut to 64 bits and splits into its words, the lower one first. */
const WIDE = new BigUint64Array(1);
const WORDS = new Int32Array(WIDE.buffer);

/** High word of the lowest 64 bits of a value, as int32. */
export const hi32 = (value: bigint): number => {
  WIDE[0] = value;
  return WORDS[1] as number;
};
/** Low word of a value, as int32. */
export const lo32 = (value: bigint): number => {
  WIDE[0] = value;
  return WORDS[0] as number;
};
/** Joins two int32 (or uint32) words to an unsigned 64-bit value. */
export const join64 = (hi: number, lo: number): bigint => {
  WORDS[0] = lo;
  WORDS[1] = hi;
  return WIDE[0] as bigint;
};

/** `0x…` of a 64-bit value, as every log line and refusal prints it. */
export const hex = (value: bigint | number): string =>
  `0x${(typeof value === 'bigint' ? value : BigInt(value)).toString(16)}`;
