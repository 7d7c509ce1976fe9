import type { RegisterFile } from '@ioasis/core';
import { Register } from '../layouts/register-offsets.js';
import { CR0, IRQ_CTRL } from '../layouts/registers.js';

/** A register that software cannot change while an enable is set. */
export interface GuardedRegister {
  readonly offset: number;
  readonly bytes: 4 | 8;
  /** Register that holds the enable, and its bit. */
  readonly by: number;
  readonly enable: number;
}

const queues = (by: 'CMDQEN' | 'EVENTQEN' | 'PRIQEN', base: number, index: number): GuardedRegister[] => {
  const guard = { by: Register.CR0, enable: Number(CR0.mask(by)) };
  return [
    { offset: base, bytes: 8, ...guard },
    { offset: index, bytes: 4, ...guard },
  ];
};

const interrupt = (by: 'GERROR_IRQEN' | 'EVENTQ_IRQEN' | 'PRIQ_IRQEN', address: number): GuardedRegister[] => {
  const guard = { by: Register.IRQ_CTRL, enable: Number(IRQ_CTRL.mask(by)) };
  return [
    { offset: address, bytes: 8, ...guard },
    { offset: address + 8, bytes: 4, ...guard },
    { offset: address + 12, bytes: 4, ...guard },
  ];
};

const translation = { by: Register.CR0, enable: Number(CR0.mask('SMMUEN')) };

/** The guarded registers (IHI 0070 6.3); the place of one in this list is its number. */
export const GUARDED_REGISTERS: readonly GuardedRegister[] = [
  { offset: Register.CR2, bytes: 4, ...translation },
  { offset: Register.STRTAB_BASE, bytes: 8, ...translation },
  { offset: Register.STRTAB_BASE_CFG, bytes: 4, ...translation },
  ...interrupt('GERROR_IRQEN', Register.GERROR_IRQ_CFG0),
  ...interrupt('EVENTQ_IRQEN', Register.EVENTQ_IRQ_CFG0),
  ...interrupt('PRIQ_IRQEN', Register.PRIQ_IRQ_CFG0),
  ...queues('CMDQEN', Register.CMDQ_BASE, Register.CMDQ_CONS),
  ...queues('EVENTQEN', Register.EVENTQ_BASE, Register.EVENTQ_PROD),
  ...queues('PRIQEN', Register.PRIQ_BASE, Register.PRIQ_PROD),
];

/** Gives guarded registers their values back. */
export class GuardedRegisters {
  readonly #registers: RegisterFile;
  /** Values as they were when they could be written last, or as the unit left them. */
  readonly #values = new Map<number, number>();

  constructor(registers: RegisterFile) {
    this.#registers = registers;
  }

  /** Software wrote a register. @param number its place in {@link GUARDED_REGISTERS} */
  written(number: number): void {
    const { offset, bytes, by, enable } = GUARDED_REGISTERS[number]!;
    const isGuarded = (this.#registers.get(by) & enable) !== 0;
    for (let byte = 0; byte < bytes; byte += 4) {
      if (isGuarded) this.#registers.set(offset + byte, this.#values.get(offset + byte) ?? 0);
      else this.changed(offset + byte);
    }
  }

  /** The unit changed a register, of 32 bits. */
  changed(offset: number): void {
    this.#values.set(offset, this.#registers.get(offset));
  }

  clear(): void {
    this.#values.clear();
  }
}
