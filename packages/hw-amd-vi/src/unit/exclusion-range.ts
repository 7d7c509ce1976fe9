import { frameOf, type RegisterFile } from '@ioasis/core';
import { Register } from '../layouts/register-offsets.js';
import { EXCLUSION_BASE } from '../layouts/registers.js';
import type { DeviceEntry } from './device-entry.js';

const ENABLED = Number(EXCLUSION_BASE.mask('EX_EN'));
const ALLOW = Number(EXCLUSION_BASE.mask('ALLOW'));
/** Bits [51:32] of the registers. */
const ADDRESS_HI = 0xf_ffff;

/** Whether there is an exclusion range at all (48882 3.4.5). */
export const exclusionApplies = (registers: RegisterFile): boolean =>
  (registers.get(Register.EXCLUSION_BASE) & ENABLED) !== 0;

/**
 * Whether an address lies in the exclusion range: there requests pass untranslated and unchecked, of all devices (Allow) or of those
 * with DTE.EX. The page of the limit belongs to the range (48882 3.4.6).
 */
export function isExcluded(registers: RegisterFile, entry: DeviceEntry, hi: number, lo: number): boolean {
  if (!exclusionApplies(registers)) return false;
  const allowsAll = (registers.get(Register.EXCLUSION_BASE) & ALLOW) !== 0;
  if (!allowsAll && !entry.exclusion) return false;
  const at = frameOf(hi, lo);
  const register = (offset: number): number => frameOf(registers.get(offset + 4) & ADDRESS_HI, registers.get(offset));
  return register(Register.EXCLUSION_BASE) <= at && at <= register(Register.EXCLUSION_LIMIT);
}
