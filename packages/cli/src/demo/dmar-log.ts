import type { HardwareFault } from '@ioasis/core';

/** What Linux's intel-iommu driver says to a fault reason of legacy mode, by reason. */
const REASONS: readonly string[] = [
  'Software',
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

const twoDigits = (value: number): string => value.toString(16).padStart(2, '0');

/** `00:01.0` of a source id: bus << 8 | device << 3 | function. */
export const sourceName = (requesterId: number): string =>
  `${twoDigits(requesterId >> 8)}:${twoDigits((requesterId >> 3) & 0x1f)}.${requesterId & 7}`;

/** The line that Linux 6.12 logs for a DMA fault of a VT-d unit. The fault address is that of the page, as FRCD has it. */
export function dmarLogLine({ code, access, pasid, requesterId, iova }: HardwareFault): string {
  const direction = access === 'write' ? 'Write' : 'Read';
  const who = pasid === undefined ? 'NO_PASID' : `PASID 0x${pasid.toString(16)}`;
  const page = (iova & ~0xfffn).toString(16);
  const reason = REASONS[code] ?? 'Unknown';
  return (
    `DMAR: [DMA ${direction} ${who}] Request device [${sourceName(requesterId)}] ` +
    `fault addr 0x${page} [fault reason 0x${twoDigits(code)}] ${reason}`
  );
}
