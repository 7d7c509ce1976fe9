import type { WordLayout } from '@ioasis/core';

/** Bits of an address field at or above the host address width: reserved in every structure (VT-d 9, HAW). */
export function addressExcess<const Name extends string>(layout: WordLayout<Name>, field: Name, width: number): bigint {
  const lowest = BigInt(layout.fields[field][1]);
  return layout.mask(field) & ~(((1n << BigInt(width - 12)) - 1n) << lowest);
}

/** Bits of a DID field above the number of domains that the unit has (CAP.ND). */
export function domainExcess<const Name extends string>(layout: WordLayout<Name | 'DID'>, bits: number): bigint {
  const lowest = BigInt(layout.fields.DID[1]);
  return layout.mask('DID') & ~(((1n << BigInt(bits)) - 1n) << lowest);
}

/** Whether an address has bits at or above `bits`. */
export function isWider(hi: number, lo: number, bits: number): boolean {
  if (bits >= 64) return false;
  return bits >= 32 ? hi >>> (bits - 32) !== 0 : hi !== 0 || lo >>> bits !== 0;
}
