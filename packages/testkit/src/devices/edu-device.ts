import type { DmaPort, InterruptSink, PciFunction, PciInterrupts, PciRegion } from '@ioasis/core';
import {
  BUS_MASTER,
  EDU_BUFFER,
  EDU_BUFFER_BYTES,
  EDU_IDENTIFICATION,
  EduConfig,
  EduDma,
  EduInterrupt,
  EduPci,
  EduRegister,
  EduStatus,
} from './edu-layout.js';

/** What the platform's firmware and the command line of the machine decide about an {@link EduDevice}. */
export interface EduOptions {
  /** DMA address bits that the device drives. 28 bits by default, as QEMU's. */
  readonly dmaMask?: bigint;
  /** PCI command register as the firmware left it. Default 0x0103, as on q35. */
  readonly command?: number;
  /** Address of BAR 0 in the machine's memory space. Default 0xfea00000. */
  readonly bar0?: number;
  /** Interrupt line register. Default 0x0a. */
  readonly interruptLine?: number;
}

const DEFAULT_DMA_MASK = 0x0fff_ffffn;
const LOW_HALF = 0xffff_ffffn;
const STATUS_HAS_CAPABILITIES = 0x10;
const MSI_CAPABILITY_ID = 0x05;
const MSI_64BIT = 0x80;
const MSI_ENABLE = 0x01;

function initialConfig(options: EduOptions): Uint8Array {
  const config = new Uint8Array(EduPci.CONFIG_BYTES);
  const view = new DataView(config.buffer);
  view.setUint16(0x00, EduPci.VENDOR_ID, true);
  view.setUint16(0x02, EduPci.DEVICE_ID, true);
  view.setUint16(EduConfig.COMMAND, options.command ?? 0x0103, true);
  view.setUint16(EduConfig.STATUS, STATUS_HAS_CAPABILITIES, true);
  view.setUint32(0x08, (EduPci.CLASS_CODE << 8) | EduPci.REVISION, true);
  view.setUint32(EduConfig.BAR0, options.bar0 ?? 0xfea0_0000, true);
  view.setUint16(0x2c, EduPci.SUBSYSTEM_VENDOR_ID, true);
  view.setUint16(0x2e, EduPci.SUBSYSTEM_ID, true);
  config[EduConfig.CAPABILITIES] = EduConfig.MSI;
  config[EduConfig.INTERRUPT_LINE] = options.interruptLine ?? 0x0a;
  config[EduConfig.INTERRUPT_PIN] = 1;
  config[EduConfig.MSI] = MSI_CAPABILITY_ID;
  view.setUint16(EduConfig.MSI_CONTROL, MSI_64BIT, true);
  return config;
}

/** Modulo 2^32 the factorial of 34 and of everything above is 0: the product holds 2 at least 32 times. */
function factorial(n: number): number {
  if (n >= 34) return 0;
  let product = 1;
  for (let factor = 2; factor <= n; factor++) product = Math.imul(product, factor);
  return product >>> 0;
}

/**
 * QEMU's educational PCI device: a 4 KiB buffer with a DMA engine, a factorial unit and a few registers. Everything is done at the
 * moment of the register write, so the busy bits are never seen set. Transfers that leave the internal buffer are not made.
 */
export class EduDevice implements PciFunction {
  readonly vendorId: number = EduPci.VENDOR_ID;
  readonly deviceId: number = EduPci.DEVICE_ID;
  readonly classCode: number = EduPci.CLASS_CODE;
  readonly revision: number = EduPci.REVISION;
  readonly interrupts: PciInterrupts = { intx: 1, msi: 1, msix: 0 };
  /** Neither FLR nor a power state that resets, and it shares its bus. */
  readonly resettable: boolean = false;
  readonly config: Uint8Array;
  readonly bars: readonly (PciRegion | undefined)[];
  /** The internal buffer; device addresses from 0x40000 on. */
  readonly buffer: Uint8Array = new Uint8Array(EDU_BUFFER_BYTES);

  readonly #options: EduOptions;
  readonly #dmaMask: bigint;
  #port: DmaPort | undefined;
  #interrupt: InterruptSink | undefined;
  #liveness = 0;
  #factorial = 0;
  #status = 0;
  #raised = 0;
  #source = 0n;
  #destination = 0n;
  #count = 0n;
  #command = 0;

  constructor(options: EduOptions = {}) {
    this.#options = options;
    this.#dmaMask = options.dmaMask ?? DEFAULT_DMA_MASK;
    this.config = initialConfig(options);
    this.bars = [
      {
        bytes: EduPci.BAR0_BYTES,
        kind: 'memory',
        read: (offset, into) => this.#read(offset, into),
        write: (offset, from) => this.#write(offset, from),
      },
    ];
  }

  connect(port: DmaPort, interrupt: InterruptSink): void {
    this.#port = port;
    this.#interrupt = interrupt;
  }

  reset(): void {
    this.config.set(initialConfig(this.#options));
    this.buffer.fill(0);
    this.#liveness = this.#factorial = this.#status = this.#raised = this.#command = 0;
    this.#source = this.#destination = this.#count = 0n;
  }

  #read(offset: number, into: Uint8Array): void {
    // Accesses of the wrong size and registers that do not exist read as all ones.
    const value = isAccess(offset, into.length) ? this.#load(offset, into.length) : undefined;
    for (let at = 0; at < into.length; at++) {
      into[at] = value === undefined ? 0xff : Number((value >> BigInt(8 * at)) & 0xffn);
    }
  }

  #load(offset: number, bytes: number): bigint | undefined {
    const half = (value: bigint): bigint => (bytes === 8 ? value : value & LOW_HALF);
    switch (offset) {
      case EduRegister.IDENTIFICATION:
        return BigInt(EDU_IDENTIFICATION);
      case EduRegister.LIVENESS:
        return BigInt(~this.#liveness >>> 0);
      case EduRegister.FACTORIAL:
        return BigInt(this.#factorial);
      case EduRegister.STATUS:
        return BigInt(this.#status);
      case EduRegister.INTERRUPT_STATUS:
        return BigInt(this.#raised);
      case EduRegister.DMA_SOURCE:
        return half(this.#source);
      case EduRegister.DMA_DESTINATION:
        return half(this.#destination);
      case EduRegister.DMA_COUNT:
        return half(this.#count);
      case EduRegister.DMA_COMMAND:
        return BigInt(this.#command);
      default:
        return undefined;
    }
  }

  #write(offset: number, from: Uint8Array): void {
    if (!isAccess(offset, from.length)) return;
    const value = from.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
    const low = Number(value & LOW_HALF);
    switch (offset) {
      case EduRegister.LIVENESS:
        this.#liveness = low;
        break;
      case EduRegister.FACTORIAL:
        this.#factorial = factorial(low);
        if (this.#status & EduStatus.INTERRUPT_AFTER_FACTORIAL) this.#raise(EduInterrupt.FACTORIAL);
        break;
      case EduRegister.STATUS:
        this.#status = low & EduStatus.INTERRUPT_AFTER_FACTORIAL;
        break;
      case EduRegister.INTERRUPT_RAISE:
        this.#raise(low);
        break;
      case EduRegister.INTERRUPT_ACKNOWLEDGE:
        this.#raised = (this.#raised & ~low) >>> 0;
        break;
      case EduRegister.DMA_SOURCE:
        this.#source = value;
        break;
      case EduRegister.DMA_DESTINATION:
        this.#destination = value;
        break;
      case EduRegister.DMA_COUNT:
        this.#count = value;
        break;
      case EduRegister.DMA_COMMAND:
        this.#transfer(low);
        break;
      default:
    }
  }

  #raise(bits: number): void {
    this.#raised = (this.#raised | bits) >>> 0;
    if (this.#raised === 0) return;
    const msi = ((this.config[EduConfig.MSI_CONTROL] ?? 0) & MSI_ENABLE) !== 0;
    this.#interrupt?.(msi ? 'msi' : 'intx', 0);
  }

  #transfer(command: number): void {
    this.#command = command & ~EduDma.START;
    if ((command & EduDma.START) === 0) return;
    const toMemory = (command & EduDma.TO_MEMORY) !== 0;
    const inside = (toMemory ? this.#source : this.#destination) - BigInt(EDU_BUFFER);
    if (inside >= 0n && inside + this.#count <= BigInt(EDU_BUFFER_BYTES)) {
      this.#move(toMemory, Number(inside), Number(this.#count));
    }
    if (command & EduDma.INTERRUPT) this.#raise(EduInterrupt.DMA);
  }

  #move(toMemory: boolean, first: number, bytes: number): void {
    const port = ((this.config[EduConfig.COMMAND] ?? 0) & BUS_MASTER) === 0 ? undefined : this.#port;
    const window = this.buffer.subarray(first, first + bytes);
    if (toMemory) port?.write(this.#destination & this.#dmaMask, window.slice());
    else if (port === undefined) window.fill(0);
    else window.set(port.read(this.#source & this.#dmaMask, bytes).data);
  }
}

const isAccess = (offset: number, bytes: number): boolean =>
  bytes === 4 || (bytes === 8 && offset >= EduRegister.DMA_SOURCE);
