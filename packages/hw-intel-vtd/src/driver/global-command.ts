import type { MmioWindow } from '@ioasis/core';
import { GCMD_REG, GSTS_REG, type GcmdField, type GstsField } from '../layouts/control-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';

/** Commands that stay in force, with the status bits of the same places. */
const LEVELS = Number(
  GSTS_REG.mask('TES') | GSTS_REG.mask('QIES') | GSTS_REG.mask('IRES') | GSTS_REG.mask('CFIS') | GSTS_REG.mask('AFLS'),
);
/** Polls before a command is given up; each lets the hardware go on. */
const MAX_POLLS = 100_000;

/** Why a command was given up: the status register never followed. A real kernel panics after 10 s. */
export class GlobalCommandStalled extends Error {}

/** The driver's use of GCMD: one bit at a time, and the status is awaited (VT-d 11.4.4.1). */
export class GlobalCommandWriter {
  readonly #mmio: MmioWindow;
  readonly #relax: () => void;
  /** What is in force; firmware may have switched things on. */
  #command: number;

  constructor(mmio: MmioWindow, relax: () => void) {
    this.#mmio = mmio;
    this.#relax = relax;
    this.#command = mmio.read32(RegisterOffset.GSTS) & LEVELS;
  }

  isOn(field: GcmdField): boolean {
    return (this.#command & Number(GCMD_REG.mask(field))) !== 0;
  }

  /** Switches a command on or off. */
  set(field: GcmdField, status: GstsField, isOn: boolean): void {
    const bit = Number(GCMD_REG.mask(field)) | 0;
    this.#command = isOn ? this.#command | bit : this.#command & ~bit;
    this.#mmio.write32(RegisterOffset.GCMD, this.#command);
    this.#await(status, isOn);
  }

  /** Gives a command that takes effect once. @param isSetWhenDone what the status bit is when it has */
  strobe(field: GcmdField, status: GstsField, isSetWhenDone: boolean): void {
    this.#mmio.write32(RegisterOffset.GCMD, this.#command | Number(GCMD_REG.mask(field)));
    this.#await(status, isSetWhenDone);
  }

  #await(status: GstsField, isSet: boolean): void {
    const bit = Number(GSTS_REG.mask(status));
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      if (((this.#mmio.read32(RegisterOffset.GSTS) & bit) !== 0) === isSet) return;
      this.#relax();
    }
    throw new GlobalCommandStalled(`intelVtd: GSTS.${status} did not become ${isSet ? 1 : 0}`);
  }
}
