import type { RegisterDefinition, WordLayout } from '@ioasis/core';
import {
  CAPABILITIES,
  CQCSR,
  DDTP,
  FCTL,
  FQCSR,
  IPSR,
  QUEUE_BASE,
  Register,
  VERSION,
  WIRED,
} from '../layouts/registers.js';
import type { RiscvIommuConfiguration } from '../options.js';

/** What a register write sets off. */
export const Hook = { DDTP: 0, CQB: 1, CQT: 2, CQCSR: 3, FQB: 4, FQH: 5, FQCSR: 6 } as const;

/** Bits of physical addresses that PTEs and pointers hold. */
export const PHYSICAL_BITS = 56;
const INDEX = 0xffff_ffffn;

const all = <Field extends string>(layout: WordLayout<Field>, ...fields: Field[]): bigint =>
  fields.reduce((bits, field) => bits | layout.mask(field), 0n);

/** capabilities of a unit. */
export const capabilitiesOf = ({ levels, hardwareDirty }: RiscvIommuConfiguration): bigint =>
  CAPABILITIES.encode({
    VERSION,
    SV39: 1,
    SV48: levels >= 4,
    SV57: levels === 5,
    AMO_HWAD: hardwareDirty,
    IGS: WIRED,
    PAS: PHYSICAL_BITS,
  });

/** The registers with their access rules. */
export function registerDefinitions(configuration: RiscvIommuConfiguration): RegisterDefinition[] {
  const base = (name: string, offset: number, hook: number): RegisterDefinition => ({
    name,
    offset,
    bytes: 8,
    rw: all(QUEUE_BASE, 'LOG2SZ_1', 'PPN'),
    hook,
  });
  return [
    { name: 'capabilities', offset: Register.CAPABILITIES, bytes: 8, reset: capabilitiesOf(configuration) },
    // Little-endian, wired interrupts, no guests: nothing to switch.
    { name: 'fctl', offset: Register.FCTL, bytes: 4, reset: FCTL.encode({ WSI: 1 }) },
    { name: 'ddtp', offset: Register.DDTP, bytes: 8, rw: all(DDTP, 'MODE', 'PPN'), hook: Hook.DDTP },
    base('cqb', Register.CQB, Hook.CQB),
    { name: 'cqh', offset: Register.CQH, bytes: 4 },
    { name: 'cqt', offset: Register.CQT, bytes: 4, rw: INDEX, hook: Hook.CQT },
    base('fqb', Register.FQB, Hook.FQB),
    { name: 'fqh', offset: Register.FQH, bytes: 4, rw: INDEX, hook: Hook.FQH },
    { name: 'fqt', offset: Register.FQT, bytes: 4 },
    {
      name: 'cqcsr',
      offset: Register.CQCSR,
      bytes: 4,
      rw: all(CQCSR, 'CQEN', 'CIE'),
      w1c: all(CQCSR, 'CQMF', 'CMD_TO', 'CMD_ILL', 'FENCE_W_IP'),
      hook: Hook.CQCSR,
    },
    {
      name: 'fqcsr',
      offset: Register.FQCSR,
      bytes: 4,
      rw: all(FQCSR, 'FQEN', 'FIE'),
      w1c: all(FQCSR, 'FQMF', 'FQOF'),
      hook: Hook.FQCSR,
    },
    { name: 'ipsr', offset: Register.IPSR, bytes: 4, w1c: all(IPSR, 'CIP', 'FIP', 'PMIP', 'PIP') },
  ];
}
