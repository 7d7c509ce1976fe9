import type { PhysicalMemory, RegisterFile } from '@ioasis/core';
import { GCMD_REG, PMEN_REG, RTADDR_REG, TranslationTableMode, type GcmdField } from '../layouts/control-registers.js';
import { RegisterOffset } from '../layouts/register-offsets.js';
import type { Capabilities } from './capabilities.js';
import type { FaultLog } from './fault-log.js';
import type { InvalidationQueue } from './invalidation-queue.js';
import type { UnitCaches } from './unit-caches.js';

const bit = (field: GcmdField): number => Number(GCMD_REG.mask(field)) | 0;
const TE = bit('TE');
const SRTP = bit('SRTP');
const QIE = bit('QIE');
const WBF = bit('WBF');
const IRE = bit('IRE');
const SIRTP = bit('SIRTP');
const CFI = bit('CFI');
const EPM = Number(PMEN_REG.mask('EPM')) | 0;
const PRS = Number(PMEN_REG.mask('PRS'));
const TTM_SHIFT = RTADDR_REG.fields.TTM[1];
const TTM_MASK = 3;

/** `mode` while translation is off. */
export const TRANSLATION_OFF = -1;

/** Global command and status (VT-d 11.4.4): what software switched on, and the root table as it was latched. */
export class GlobalCommand {
  /** A {@link TranslationTableMode}, or {@link TRANSLATION_OFF}. */
  mode: number = TRANSLATION_OFF;
  /** Root table of the last SRTP. */
  rootHi = 0;
  rootLo = 0;
  #latchedMode: number = TranslationTableMode.LEGACY;
  readonly #faults: FaultLog;
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #queue: InvalidationQueue;
  readonly #caches: UnitCaches;
  readonly #capabilities: Capabilities;

  constructor(
    memory: PhysicalMemory,
    registers: RegisterFile,
    queue: InvalidationQueue,
    caches: UnitCaches,
    faults: FaultLog,
    capabilities: Capabilities,
  ) {
    this.#memory = memory;
    this.#registers = registers;
    this.#queue = queue;
    this.#caches = caches;
    this.#faults = faults;
    this.#capabilities = capabilities;
  }

  reset(): void {
    this.mode = TRANSLATION_OFF;
    this.#latchedMode = TranslationTableMode.LEGACY;
    this.rootHi = 0;
    this.rootLo = 0;
  }

  /** Table mode of the last SRTP, in force or not: it says which invalidations the unit accepts. */
  get tableMode(): number {
    return this.#latchedMode;
  }

  /** GCMD was written: one-shot bits act on every 1, level bits where they differ from the status. */
  written(value: number): void {
    const registers = this.#registers;
    if ((value & SRTP) !== 0) this.#latchRoot();
    if ((value & WBF) !== 0) this.drainWriteBuffer();
    if ((value & SIRTP) !== 0) this.#setStatus(SIRTP, true);
    const changed = value ^ registers.get(RegisterOffset.GSTS);
    if ((changed & QIE) !== 0 && this.#capabilities.queuedInvalidation) this.#queue.enable((value & QIE) !== 0);
    for (const level of [TE, IRE, CFI]) {
      if ((changed & level) !== 0) this.#setStatus(level, (value & level) !== 0);
    }
    this.#caches.front.forget();
    const isOn = (registers.get(RegisterOffset.GSTS) & TE) !== 0;
    if (!isOn && (changed & TE) !== 0 && this.#capabilities.scalable) this.#caches.dropAll('translation disable');
    if ((registers.get(RegisterOffset.GSTS) & (TE | IRE)) === 0) this.#faults.restart();
    this.mode = isOn ? this.#latchedMode : TRANSLATION_OFF;
  }

  /** Writes of the CPU leave the write buffer, if there is one: WBF, and every invalidation, does so (VT-d 6.8). */
  drainWriteBuffer(): void {
    if (this.#capabilities.writeBufferFlush) this.#memory.lineCache?.flushAll();
  }

  /** PMEN.PRS follows PMEN.EPM. */
  protectedMemoryWritten(): void {
    const enabled = (this.#registers.get(RegisterOffset.PMEN) & EPM) !== 0;
    const rest = this.#registers.get(RegisterOffset.PMEN) & ~PRS;
    this.#registers.set(RegisterOffset.PMEN, enabled ? rest | PRS : rest);
    this.#caches.front.forget();
  }

  /** Protected ranges are in force, whether or not translation is on (VT-d 11.4.8.1). */
  get protectsMemory(): boolean {
    return (this.#registers.get(RegisterOffset.PMEN) & PRS) !== 0;
  }

  #latchRoot(): void {
    const lo = this.#registers.get(RegisterOffset.RTADDR);
    this.rootHi = this.#registers.get(RegisterOffset.RTADDR + 4);
    this.rootLo = lo & ~0xfff;
    this.#latchedMode = (lo >>> TTM_SHIFT) & TTM_MASK;
    this.#setStatus(SRTP, true);
    if (this.#capabilities.rootPointerFlushes) this.#caches.dropAll('SRTP');
  }

  #setStatus(mask: number, on: boolean): void {
    const status = this.#registers.get(RegisterOffset.GSTS);
    this.#registers.set(RegisterOffset.GSTS, on ? status | mask : status & ~mask);
  }
}
