import type { PageTableFormat } from '@ioasis/core';
import { guestFormat, HOST_FORMAT } from '@ioasis/hw-amd-vi';
import { stage1Format, stage2Format } from '@ioasis/hw-arm-smmuv3';
import { firstStageFormat, secondStageFormat } from '@ioasis/hw-intel-vtd';

/** A table format as its driver uses it: four levels of 512 entries, as radix.c has them, or three of 8192. */
export interface Subject {
  /** `vtd-ss`, `amd-v1` ...: the `unit` of a goal. */
  readonly name: string;
  readonly format: PageTableFormat;
  readonly inputBits: number;
  readonly levels: number;
  readonly leafBits: (prot: number) => bigint | undefined;
  readonly tableBits: bigint;
}

const rw = (prot: number, read: bigint, write: bigint): bigint =>
  ((prot & 1) === 0 ? 0n : read) | ((prot & 2) === 0 ? 0n : write);

const arm = { wide: false, granule: 12 } as const;

/** Every vendor's formats: all are live in the process, because that is what slows such code down. */
export const subjects: readonly Subject[] = [
  {
    name: 'vtd-ss',
    format: secondStageFormat({
      hostAddressWidth: 46,
      superpage2M: true,
      superpage1G: true,
      snoopControl: true,
      deviceTlb: true,
      execute: false,
    }),
    inputBits: 48,
    levels: 4,
    leafBits: (prot) => 1n | rw(prot, 1n, 2n),
    tableBits: 3n,
  },
  {
    name: 'vtd-fs',
    format: firstStageFormat({ hostAddressWidth: 46, superpage1G: true, noExecute: true, extendedAccessed: false }),
    inputBits: 47,
    levels: 4,
    leafBits: (prot) => 0x25n | rw(prot, 0n, 0x42n),
    tableBits: 0x27n,
  },
  {
    name: 'smmu-s1',
    format: stage1Format({ ...arm, hierarchyDisabled: false, singlePrivilege: false }),
    inputBits: 48,
    levels: 4,
    leafBits: (prot) => 0xf45n | ((prot & 2) === 0 ? 0x80n : 0n),
    tableBits: 1n,
  },
  {
    name: 'smmu-s1-64k',
    format: stage1Format({ wide: false, granule: 16, hierarchyDisabled: false, singlePrivilege: false }),
    inputBits: 48,
    levels: 3,
    leafBits: (prot) => 0xf45n | ((prot & 2) === 0 ? 0x80n : 0n),
    tableBits: 1n,
  },
  {
    name: 'smmu-s2',
    format: stage2Format(arm),
    inputBits: 48,
    levels: 4,
    leafBits: (prot) => 0x73dn | rw(prot, 0x40n, 0x80n),
    tableBits: 1n,
  },
  {
    name: 'amd-v1',
    format: HOST_FORMAT,
    inputBits: 48,
    levels: 4,
    leafBits: (prot) => (1n << 60n) | 1n | rw(prot, 1n << 61n, 1n << 62n),
    tableBits: (3n << 61n) | 1n,
  },
  {
    name: 'amd-v2',
    format: guestFormat(true),
    inputBits: 47,
    levels: 4,
    leafBits: (prot) => 0x25n | rw(prot, 0n, 0x42n),
    tableBits: 0x27n,
  },
];
