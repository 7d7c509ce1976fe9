import type { PciFunction } from '@ioasis/core';
import { ConfigRights } from './config-rights.js';
import { Af, Cap, Command, Exp, Header, Msi, Pm } from './permissions.js';

/** What a write to configuration space sets off outside of it. */
export interface ConfigEffects {
  /** The user disabled or enabled INTx in the command register. */
  intxDisabled(disabled: boolean): void;
  /** The user asked for a function level reset through a capability. */
  functionReset(): void;
  /** Vectors that the user enabled with SET_IRQS as the power of two that MSI counts in; -1 when MSI is off. */
  msiEnabledLog2(): number;
}

/** Bits of the header that hardware keeps when they are written; the rest of the header is read-only in the device. */
const implementedHeaderBits: Readonly<Record<number, number>> = {
  [Header.COMMAND]: 0x47,
  [Header.COMMAND + 1]: 0x05,
  0x0c: 0xff,
  0x0d: 0xff,
};
const LAST_BAR = 5;
const IO_BAR = 1;
const BAR_64 = 4;
const D3HOT = 3;

/**
 * Configuration space of an open device as vfio-pci shows it: bits that the host must keep to itself are virtual, the others are the
 * device's (vfio_pci_config.c).
 */
export class ConfigSpace {
  readonly #function: PciFunction;
  readonly #effects: ConfigEffects;
  readonly #rights: ConfigRights;
  /** BARs as they were when the device was opened, to restore them after a reset that nobody told us of. */
  readonly #bars: Uint8Array;
  /** The user wrote to a BAR: before the next read its copy gets the bits that hardware would not keep. */
  #barsWritten = true;
  #intxDisabled = false;

  constructor(pciFunction: PciFunction, effects: ConfigEffects) {
    this.#function = pciFunction;
    this.#effects = effects;
    this.#rights = new ConfigRights(pciFunction.config);
    this.#bars = pciFunction.config.slice(Header.BAR0, Header.BAR0 + 4 * (LAST_BAR + 1));
  }

  /** Size of the space in bytes. */
  get bytes(): number {
    return this.#function.config.length;
  }

  /** Whether accesses to memory BARs work: enabled by the user and not asleep. */
  get memoryEnabled(): boolean {
    const power = this.#rights.find(Cap.PM);
    const asleep = power >= 0 && (this.#raw(power + Pm.CTRL) & Pm.STATE) === D3HOT;
    return !asleep && (this.#shown(Header.COMMAND) & Command.MEMORY) !== 0;
  }

  /** The interrupt pin that the user sees; 0 = none. */
  get interruptPin(): number {
    return this.#shown(Header.INTERRUPT_PIN);
  }

  /** First byte of a capability in the first 256 bytes, or -1. */
  findCapability(id: number): number {
    return this.#rights.find(id);
  }

  /**
   * Bytes that the next part of a transfer moves. Each part is served on its own, so that a transfer which fails half-way has done the
   * parts before.
   */
  chunk(offset: number, count: number): 1 | 2 | 4 {
    return this.#rights.chunk(offset, count);
  }

  /** Reads one chunk. */
  read(offset: number, into: Uint8Array): void {
    if (isBar(offset)) this.#sizeBars();
    for (let at = 0; at < into.length; at++) {
      const virtual = this.#rights.virtual[offset + at] ?? 0;
      into[at] = (this.#shown(offset + at) & virtual) | (this.#raw(offset + at) & ~virtual);
    }
  }

  /** Writes one chunk and sets off what belongs to it. */
  write(offset: number, from: Uint8Array): void {
    if (offset === Header.COMMAND && this.#barsLost(from[0] ?? 0)) this.#function.config.set(this.#bars, Header.BAR0);
    for (let at = 0; at < from.length; at++) this.#writeByte(offset + at, from[at] ?? 0);
    if (offset < Header.BYTES) this.#afterHeader(offset, from);
    else if (this.#rights.isIn(Cap.PM, offset)) this.#afterPower(offset, from);
    else if (this.#rights.isIn(Cap.MSI, offset)) this.#afterMsi(offset, from.length);
    else if (this.#rights.isIn(Cap.EXP, offset)) this.#afterExpress(offset);
    else if (this.#rights.isIn(Cap.AF, offset)) this.#afterAdvanced(offset);
  }

  #writeByte(offset: number, value: number): void {
    const writable = this.#rights.writable[offset] ?? 0;
    const virtual = this.#rights.virtual[offset] ?? 0;
    const shown = writable & virtual;
    if (shown !== 0) this.#rights.shown[offset] = (this.#shown(offset) & ~shown) | (value & shown);
    let raw = writable & ~virtual;
    if (offset < Header.BYTES) raw &= implementedHeaderBits[offset] ?? 0;
    if (raw !== 0) this.#function.config[offset] = (this.#raw(offset) & ~raw) | (value & raw);
  }

  #afterHeader(offset: number, from: Uint8Array): void {
    const enables = Command.MEMORY | Command.IO;
    if (offset === Header.COMMAND) {
      this.#rights.shown[offset] = (this.#shown(offset) & ~enables) | ((from[0] ?? 0) & enables);
    }
    if (offset === Header.COMMAND || offset === Header.COMMAND + 1) {
      const disabled = (this.#shown(Header.COMMAND + 1) & (Command.INTX_DISABLE >> 8)) !== 0;
      if (disabled !== this.#intxDisabled) this.#effects.intxDisabled(disabled);
      this.#intxDisabled = disabled;
    }
    if (isBar(offset)) this.#barsWritten = true;
  }

  /** The state bits are not writable: the host changes the state for the user. */
  #afterPower(offset: number, from: Uint8Array): void {
    if (offset !== this.#rights.startOf(offset) + Pm.CTRL) return;
    this.#function.config[offset] = (this.#raw(offset) & ~Pm.STATE) | ((from[0] ?? 0) & Pm.STATE);
  }

  /** MSI is enabled by SET_IRQS only, and for no more vectors than were enabled there. */
  #afterMsi(offset: number, bytes: number): void {
    const start = this.#rights.startOf(offset);
    const at = start + Msi.FLAGS;
    if (offset > at || offset + bytes < at) return;
    const enabledLog2 = this.#effects.msiEnabledLog2();
    let flags = this.#shown(at);
    if (enabledLog2 < 0) flags &= ~Msi.ENABLE;
    const allowed = Math.max(enabledLog2, 0);
    if ((flags & Msi.QSIZE) >> 4 > allowed) flags = (flags & ~Msi.QSIZE) | (allowed << 4);
    this.#rights.shown[at] = flags;
    this.#function.config[at] = flags;
  }

  #afterExpress(offset: number): void {
    const start = this.#rights.startOf(offset);
    const high = start + Exp.DEVCTL + 1;
    if ((this.#shown(high) & (Exp.FLR >> 8)) === 0) return;
    this.#rights.shown[high] = this.#shown(high) & ~(Exp.FLR >> 8);
    if ((this.#raw(start + Exp.DEVCAP + 3) & (Exp.DEVCAP_FLR >>> 24)) !== 0) this.#effects.functionReset();
  }

  #afterAdvanced(offset: number): void {
    const start = this.#rights.startOf(offset);
    const control = start + Af.CTRL;
    if ((this.#shown(control) & Af.FLR) === 0) return;
    this.#rights.shown[control] = this.#shown(control) & ~Af.FLR;
    if ((this.#raw(start + Af.CAP) & Af.CAP_TP_AND_FLR) === Af.CAP_TP_AND_FLR) this.#effects.functionReset();
  }

  /** The device lost its BARs: they differ, or an enable that the user believes in is off. */
  #barsLost(command: number): boolean {
    const lostEnables = command & this.#shown(Header.COMMAND) & ~this.#raw(Header.COMMAND);
    if ((lostEnables & (Command.MEMORY | Command.IO)) !== 0) return true;
    return this.#bars.some((byte, at) => byte !== this.#raw(Header.BAR0 + at));
  }

  /** Makes the user's copies of the BARs look like registers: low bits fixed, address bits below the size zero. */
  #sizeBars(): void {
    if (!this.#barsWritten) return;
    for (let bar = 0; bar <= LAST_BAR; bar++) {
      const region = this.#function.bars[bar];
      const kind = this.#bars[4 * bar] ?? 0;
      const mask = ~(BigInt(region?.bytes ?? 0) - 1n);
      const low = region?.kind === 'io' ? IO_BAR : kind & 0xf;
      this.#setBar(bar, region === undefined || region.bytes === 0 ? 0n : mask, low);
      if (region?.kind === 'memory' && (kind & BAR_64) !== 0) {
        bar++;
        this.#setBar(bar, mask >> 32n, 0);
      }
    }
    // No function of this contract has an expansion ROM.
    this.#rights.shown.fill(0, Header.ROM, Header.ROM + 4);
    this.#barsWritten = false;
  }

  #setBar(bar: number, mask: bigint, low: number): void {
    const at = Header.BAR0 + 4 * bar;
    for (let byte = 0; byte < 4; byte++) {
      const keep = Number((mask >> BigInt(8 * byte)) & 0xffn);
      this.#rights.shown[at + byte] = this.#shown(at + byte) & keep;
    }
    this.#rights.shown[at] = this.#shown(at) | (mask === 0n ? 0 : low);
  }

  #shown(offset: number): number {
    return this.#rights.shown[offset] ?? 0;
  }

  #raw(offset: number): number {
    return this.#function.config[offset] ?? 0;
  }
}

function isBar(offset: number): boolean {
  return (
    (offset >= Header.BAR0 && offset < Header.BAR0 + 4 * (LAST_BAR + 1)) ||
    (offset >= Header.ROM && offset < Header.ROM + 4)
  );
}
