import { FaultReason } from '../layouts/fault-reasons.js';

/** How Linux's log calls the reasons of legacy mode, from 1 on. */
const LEGACY: readonly string[] = [
  'Present bit in root entry is clear',
  'Present bit in context entry is clear',
  'Invalid context entry',
  'Access beyond MGAW',
  'PTE Write access is not set',
  'PTE Read access is not set',
  'Next page table ptr is invalid',
  'Root table address invalid',
  'Context table ptr is invalid',
  'non-zero reserved fields in RTP',
  'non-zero reserved fields in CTP',
  'non-zero reserved fields in PTE',
  'PCE for translation request specifies blocking',
];

const names = new Map<number, string>(Object.entries(FaultReason).map(([name, code]) => [code, name]));

/** Text of a fault reason: Linux's for legacy mode, this package's name for the others. */
export const faultReasonText = (reason: number): string => LEGACY[reason - 1] ?? names.get(reason) ?? 'Unknown';
