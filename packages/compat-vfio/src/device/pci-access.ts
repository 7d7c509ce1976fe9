import type { MachineDevice, MachineHost, PciFunction } from '@ioasis/core';
import { Cap, Command, Header, Msi } from '../config/permissions.js';
import { ConfigSpace } from '../config/config-space.js';
import { Interrupts, type VectorKind } from './interrupts.js';

const MSIX_ENABLE = 0x80;
const MSIX_TABLE_ENTRY = 16;

/** Bytes of a BAR that a program must not touch: the MSI-X table. */
export interface MsixTable {
  readonly bar: number;
  readonly start: number;
  /** First byte behind. */
  readonly end: number;
}

/** A function while programs have it open: enabled, its configuration space virtualised, its interrupts ours (`vfio_pci_core_enable`). */
export class PciAccess {
  readonly machine: MachineHost;
  readonly device: MachineDevice;
  readonly config: ConfigSpace;
  readonly interrupts: Interrupts = new Interrupts();
  readonly msixTable: MsixTable | undefined;
  /** Frames of BARs that were put into physical memory for a mapping. */
  readonly exposedFrames: Set<number> = new Set();
  /** The program let the function go to sleep (VFIO_DEVICE_FEATURE LOW_POWER_ENTRY). */
  lowPower = false;
  readonly #configBefore: Uint8Array;

  constructor(machine: MachineHost, device: MachineDevice) {
    this.machine = machine;
    this.device = device;
    const { function: fn } = this;
    setByte(fn.config, Header.COMMAND, Command.MASTER, enables(fn));
    this.#configBefore = fn.config.slice();
    this.config = new ConfigSpace(fn, {
      intxDisabled: (disabled) => this.interrupts.setIntxDisabled(disabled),
      functionReset: () => this.reset(),
      msiEnabledLog2: () => (this.interrupts.enabled === 'msi' ? Math.ceil(Math.log2(this.interrupts.vectors)) : -1),
    });
    this.msixTable = findMsixTable(fn.config, this.config.findCapability(Cap.MSIX));
    device.interrupts = (kind, vector) => this.interrupts.raise(kind, vector);
  }

  get function(): PciFunction {
    return this.device.function;
  }

  /** Whether it is a PCI Express function. */
  get express(): boolean {
    return this.config.findCapability(Cap.EXP) >= 0;
  }

  /** Vectors of a kind, as its capability or the interrupt pin says. */
  vectorsOf(kind: VectorKind): number {
    if (kind === 'intx') return this.config.interruptPin === 0 ? 0 : 1;
    const at = this.config.findCapability(kind === 'msi' ? Cap.MSI : Cap.MSIX);
    if (at < 0) return 0;
    const flags = word(this.function.config, at + Msi.FLAGS);
    return kind === 'msi' ? 1 << ((flags & Msi.QMASK) >> 1) : (flags & 0x7ff) + 1;
  }

  /** Enables or disables a kind of vectors, in the function too. */
  setVectors(kind: VectorKind, vectors: number): void {
    if (vectors === 0) this.interrupts.disable();
    else this.interrupts.enable(kind, vectors);
    if (kind === 'intx') return;
    const at = this.config.findCapability(kind === 'msi' ? Cap.MSI : Cap.MSIX);
    if (at < 0) return;
    const [byte, bit] = kind === 'msi' ? [at + Msi.FLAGS, Msi.ENABLE] : [at + Msi.FLAGS + 1, MSIX_ENABLE];
    setByte(this.function.config, byte, bit, vectors === 0 ? 0 : bit);
  }

  /** Physical address of a BAR, bytes. */
  barAddress(bar: number): bigint {
    const { config, bars } = this.function;
    const at = Header.BAR0 + 4 * bar;
    const low = BigInt(word(config, at) | (word(config, at + 2) << 16)) & 0xffff_ffffn;
    if (bars[bar]?.kind === 'io') return low & ~3n;
    const wide = ((config[at] ?? 0) & 6) === 4;
    const high = wide ? BigInt(word(config, at + 4) | (word(config, at + 6) << 16)) & 0xffff_ffffn : 0n;
    return (high << 32n) | (low & ~0xfn);
  }

  /** Resets the function and puts its configuration back, as the host's reset does. */
  reset(): void {
    const before = this.function.config.slice();
    this.function.reset();
    this.function.config.set(before);
  }

  /** The last user is gone: interrupts off, configuration as it was, no DMA any more (`vfio_pci_core_disable`). */
  close(): void {
    const { function: fn } = this;
    this.device.interrupts = null;
    this.interrupts.disable();
    for (const frame of this.exposedFrames) this.machine.memory.unbackFrame(frame);
    if (fn.resettable) fn.reset();
    fn.config.set(this.#configBefore);
  }
}

function enables(fn: PciFunction): number {
  let bits = 0;
  for (const bar of fn.bars)
    if (bar !== undefined && bar.bytes > 0) bits |= bar.kind === 'io' ? Command.IO : Command.MEMORY;
  return bits;
}

function setByte(config: Uint8Array, at: number, clear: number, set: number): void {
  config[at] = ((config[at] ?? 0) & ~clear) | set;
}

function word(config: Uint8Array, at: number): number {
  return (config[at] ?? 0) | ((config[at + 1] ?? 0) << 8);
}

function findMsixTable(config: Uint8Array, at: number): MsixTable | undefined {
  if (at < 0) return undefined;
  const table = word(config, at + 4) | (word(config, at + 6) << 16);
  const start = (table & ~7) >>> 0;
  const entries = (word(config, at + Msi.FLAGS) & 0x7ff) + 1;
  return { bar: table & 7, start, end: start + entries * MSIX_TABLE_ENTRY };
}
