import { write64, type PhysicalMemory, type TranslationUnit } from '@ioasis/core';
import { AmdViUnit, amdViLayouts } from '@ioasis/hw-amd-vi';
import { SmmuV3Unit, smmuV3Layouts } from '@ioasis/hw-arm-smmuv3';
import { GCMD_REG, RegisterOffset, VtdUnit } from '@ioasis/hw-intel-vtd';

/** Registers that lead to the tables, and those that say what the unit has; absent: a unit with everything. */
interface TableRegisters {
  /** RTADDR_REG, Device Table Base Address, SMMU_STRTAB_BASE. */
  readonly root: bigint;
  /** SMMU_STRTAB_BASE_CFG. */
  readonly rootConfiguration?: number;
  /** Of VT-d: bits of a physical address, which no register tells. Entries with an address bit above fault. */
  readonly width?: number;
  /** A 32-bit register by offset; undefined: not known. */
  readonly read?: (offset: number) => number | undefined;
}

/**
 * Puts a unit on tables that are already in memory. Its queues are off, and it caches nothing.
 * @throws RangeError when something of the registers is missing or cannot be
 */
type UnitMaker = (memory: PhysicalMemory, registers: TableRegisters) => TranslationUnit;

function read64At({ read }: TableRegisters, offset: number): bigint | undefined {
  const [low, high] = [read?.(offset), read?.(offset + 4)];
  return low === undefined || high === undefined ? undefined : (BigInt(high) << 32n) | BigInt(low);
}

const vtd: UnitMaker = (memory, registers) => {
  if (registers.width === undefined) {
    throw new RangeError(
      'the host address width is not known; give --width, as Linux logs it: "DMAR: Host address width"',
    );
  }
  const cap = read64At(registers, RegisterOffset.CAP);
  const ecap = read64At(registers, RegisterOffset.ECAP);
  const own = cap === undefined || ecap === undefined ? {} : { cap, ecap };
  const options = { preset: 'full', ...own, hostAddressWidth: registers.width, caches: false } as const;
  const unit = new VtdUnit({ memory, options });
  write64(unit, RegisterOffset.RTADDR, registers.root);
  unit.write32(RegisterOffset.GCMD, Number(GCMD_REG.mask('SRTP')) | 0);
  unit.write32(RegisterOffset.GCMD, Number(GCMD_REG.mask('TE')) | 0);
  return unit;
};

const smmuv3: UnitMaker = (memory, registers) => {
  const { Register, CR0 } = smmuV3Layouts;
  const ids = { idr0: Register.IDR0, idr1: Register.IDR1, idr3: Register.IDR3, idr5: Register.IDR5 };
  const own = Object.entries(ids).flatMap(([name, offset]) => {
    const value = registers.read?.(offset);
    return value === undefined ? [] : [[name, value]];
  });
  const unit = new SmmuV3Unit({
    memory,
    options: { preset: 'server', ...Object.fromEntries(own), busBits: 64, caches: false },
  });
  write64(unit, Register.STRTAB_BASE, registers.root);
  unit.write32(Register.STRTAB_BASE_CFG, (registers.rootConfiguration ?? 0) | 0);
  unit.write32(Register.CR0, Number(CR0.mask('SMMUEN')));
  return unit;
};

const amdvi: UnitMaker = (memory, registers) => {
  const { Register } = amdViLayouts;
  const efr = read64At(registers, Register.EXTENDED_FEATURE);
  const options = { preset: 'zen-server', ...(efr === undefined ? {} : { efr }), caches: false } as const;
  const unit = new AmdViUnit({ memory, options });
  write64(unit, Register.DEVICE_TABLE_BASE, registers.root);
  write64(unit, Register.CONTROL, 1n);
  return unit;
};

/** Units by the id of their vendor. */
export const bareUnits: Readonly<Record<string, UnitMaker>> = {
  'intel-vtd': vtd,
  'arm-smmuv3': smmuv3,
  'amd-vi': amdvi,
};
