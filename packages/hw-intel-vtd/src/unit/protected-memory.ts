import { join64, type RegisterFile } from '@ioasis/core';
import { PMEN_REG } from '../layouts/control-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';

/** Protected ranges end at the last byte of the 2 MiB that their limit names. */
const GRANULE_LAST = 0x1f_ffffn;

/**
 * Whether PMEN keeps untranslated requests from an address (VT-d 11.4.8): two ranges, base to limit inclusive; a base above its limit
 * protects nothing.
 */
export function isProtected(registers: RegisterFile, capabilities: Capabilities, hi: number, lo: number): boolean {
  if ((registers.get(RegisterOffset.PMEN) & Number(PMEN_REG.mask('PRS'))) === 0) return false;
  const address = join64(hi, lo);
  const low = (offset: number): bigint => join64(0, registers.get(offset));
  const high = (offset: number): bigint => join64(registers.get(offset + 4), registers.get(offset));
  const inside = (base: bigint, limit: bigint): boolean => address >= base && address <= (limit | GRANULE_LAST);
  return (
    (capabilities.protectedLowMemory && inside(low(RegisterOffset.PLMBASE), low(RegisterOffset.PLMLIMIT))) ||
    (capabilities.protectedHighMemory && inside(high(RegisterOffset.PHMBASE), high(RegisterOffset.PHMLIMIT)))
  );
}
