import type { RegisterAlias, RegisterDefinition } from '@ioasis/core';
import { PAGE_1, Register } from '../layouts/register-offsets.js';
import { CR1, CR2, GBPA, IRQ_CTRL, QUEUE_BASE, STRTAB_BASE, STRTAB_BASE_CFG } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import { GUARDED_REGISTERS } from './guarded-registers.js';

/** What a register write sets off. */
export const Hook = {
  CR0: 0,
  GBPA: 1,
  IRQ_CTRL: 2,
  GERRORN: 3,
  CMDQ_PROD: 4,
  EVENTQ_CONS: 5,
  /** The first of {@link GUARDED_REGISTERS}, and after it the others. */
  GUARDED: 6,
} as const;

const all = (layout: { readonly bits: number; readonly reserved: bigint }): bigint =>
  ((1n << BigInt(layout.bits)) - 1n) & ~layout.reserved;
const WORD = 0xffff_ffffn;
const ACTIVE_GERRORS = 0x1fdn;
const MSI_ADDRESS = 0x000f_ffff_ffff_fffcn;

/** The registers with their access rules (IHI 0070 6.3). */
export function registerDefinitions(capabilities: Capabilities): RegisterDefinition[] {
  const id = capabilities.registers;
  const readOnly = (name: string, offset: number, value: number): RegisterDefinition => ({
    name,
    offset,
    bytes: 4,
    reset: BigInt(value >>> 0),
  });
  const word = (name: string, offset: number, rw: bigint, hook?: number): RegisterDefinition => ({
    name,
    offset,
    bytes: 4,
    rw,
    ...(hook === undefined ? {} : { hook }),
  });
  const base = (name: string, offset: number, rw: bigint, hook?: number): RegisterDefinition => ({
    ...word(name, offset, rw, hook),
    bytes: 8,
  });
  const guard = (offset: number): number =>
    Hook.GUARDED + GUARDED_REGISTERS.findIndex((guarded) => guarded.offset === offset);
  // Before SMMUv3.2 it is open what a write under the guard does: here it takes effect at once, as in the recordings.
  const guardLate = (offset: number): number | undefined => (capabilities.isVersion32 ? guard(offset) : undefined);
  const interrupt = (name: string, offset: number): RegisterDefinition[] => [
    base(`${name}_CFG0`, offset, MSI_ADDRESS, guardLate(offset)),
    word(`${name}_CFG1`, offset + 8, WORD, guardLate(offset + 8)),
    word(`${name}_CFG2`, offset + 12, WORD, guardLate(offset + 12)),
  ];
  // Without PRI its registers and its interrupt are reserved.
  const interrupts = capabilities.pri ? all(IRQ_CTRL) : all(IRQ_CTRL) & ~IRQ_CTRL.mask('PRIQ_IRQEN');
  const pageRequests = [
    base('SMMU_PRIQ_BASE', Register.PRIQ_BASE, all(QUEUE_BASE), guard(Register.PRIQ_BASE)),
    ...interrupt('SMMU_PRIQ_IRQ', Register.PRIQ_IRQ_CFG0),
    word('SMMU_PRIQ_PROD', Register.PRIQ_PROD, 0x800f_ffffn, guard(Register.PRIQ_PROD)),
    word('SMMU_PRIQ_CONS', Register.PRIQ_CONS, 0x800f_ffffn),
  ];
  return [
    readOnly('SMMU_IDR0', Register.IDR0, id.idr0),
    readOnly('SMMU_IDR1', Register.IDR1, id.idr1),
    readOnly('SMMU_IDR2', Register.IDR2, 0),
    readOnly('SMMU_IDR3', Register.IDR3, id.idr3),
    readOnly('SMMU_IDR4', Register.IDR4, 0),
    readOnly('SMMU_IDR5', Register.IDR5, id.idr5),
    readOnly('SMMU_IIDR', Register.IIDR, id.iidr),
    readOnly('SMMU_AIDR', Register.AIDR, id.aidr),
    word('SMMU_CR0', Register.CR0, WORD, Hook.CR0),
    readOnly('SMMU_CR0ACK', Register.CR0ACK, 0),
    word('SMMU_CR1', Register.CR1, all(CR1)),
    word('SMMU_CR2', Register.CR2, all(CR2), guardLate(Register.CR2)),
    readOnly('SMMU_STATUSR', Register.STATUSR, 0),
    { ...word('SMMU_GBPA', Register.GBPA, all(GBPA), Hook.GBPA), reset: GBPA.encode({ SHCFG: 1 }) },
    word('SMMU_AGBPA', Register.AGBPA, WORD),
    word('SMMU_IRQ_CTRL', Register.IRQ_CTRL, interrupts, Hook.IRQ_CTRL),
    readOnly('SMMU_IRQ_CTRLACK', Register.IRQ_CTRLACK, 0),
    readOnly('SMMU_GERROR', Register.GERROR, 0),
    word('SMMU_GERRORN', Register.GERRORN, ACTIVE_GERRORS, Hook.GERRORN),
    ...interrupt('SMMU_GERROR_IRQ', Register.GERROR_IRQ_CFG0),
    base('SMMU_STRTAB_BASE', Register.STRTAB_BASE, all(STRTAB_BASE), guardLate(Register.STRTAB_BASE)),
    word('SMMU_STRTAB_BASE_CFG', Register.STRTAB_BASE_CFG, all(STRTAB_BASE_CFG), guardLate(Register.STRTAB_BASE_CFG)),
    base('SMMU_CMDQ_BASE', Register.CMDQ_BASE, all(QUEUE_BASE), guard(Register.CMDQ_BASE)),
    word('SMMU_CMDQ_PROD', Register.CMDQ_PROD, 0xf_ffffn, Hook.CMDQ_PROD),
    word('SMMU_CMDQ_CONS', Register.CMDQ_CONS, 0x7f0f_ffffn, guard(Register.CMDQ_CONS)),
    base('SMMU_EVENTQ_BASE', Register.EVENTQ_BASE, all(QUEUE_BASE), guard(Register.EVENTQ_BASE)),
    ...interrupt('SMMU_EVENTQ_IRQ', Register.EVENTQ_IRQ_CFG0),
    word('SMMU_EVENTQ_PROD', Register.EVENTQ_PROD, 0x800f_ffffn, guard(Register.EVENTQ_PROD)),
    word('SMMU_EVENTQ_CONS', Register.EVENTQ_CONS, 0x800f_ffffn, Hook.EVENTQ_CONS),
    ...(capabilities.pri ? pageRequests : []),
  ];
}

/** Where page 1 has no registers of its own it repeats page 0, and page 0 shows the indices of page 1 at their old places. */
export const REGISTER_ALIASES: readonly RegisterAlias[] = [
  { offset: 0xa8, of: Register.EVENTQ_PROD, bytes: 8 },
  { offset: 0xc8, of: Register.PRIQ_PROD, bytes: 8 },
  { offset: PAGE_1, of: 0, bytes: 0xa8 },
];
