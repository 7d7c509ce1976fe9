import type { DmaPort, InterruptSink, PciFunction, PciInterrupts, PciRegion } from '@ioasis/core';
import {
  EDU_BUFFER,
  EDU_BUFFER_BYTES,
  EDU_IDENTIFICATION,
  EduDma,
  EduInterrupt,
  EduPci,
  EduRegister,
  EduStatus,
} from './edu-layout.js';
import { isBusMaster, pciConfig, signalInterrupt } from './pci-config.js';
import { registerRegion } from './register-region.js';

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

const initialConfig = (options: EduOptions): Uint8Array =>
  pciConfig({
    vendorId: EduPci.VENDOR_ID,
    deviceId: EduPci.DEVICE_ID,
    classCode: EduPci.CLASS_CODE,
    revision: EduPci.REVISION,
    subsystemVendorId: EduPci.SUBSYSTEM_VENDOR_ID,
    subsystemId: EduPci.SUBSYSTEM_ID,
    command: options.command ?? 0x0103,
    bar0: options.bar0 ?? 0xfea0_0000,
    interruptLine: options.interruptLine ?? 0x0a,
  });

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
      registerRegion(EduPci.BAR0_BYTES, {
        accepts: (offset, bytes) => bytes === 4 || (bytes === 8 && offset >= EduRegister.DMA_SOURCE),
        load: (offset) => this.#load(offset),
        store: (offset, value) => this.#store(offset, value),
      }),
    ];
  }

  connect(port: DmaPort, interrupt: InterruptSink): void {
    this.#port = port;
    this.#interrupt = interrupt;
  }

  /** Registers and buffer as after power on. */
  reset(): void {
    this.config.set(initialConfig(this.#options));
    this.buffer.fill(0);
    this.#liveness = this.#factorial = this.#status = this.#raised = this.#command = 0;
    this.#source = this.#destination = this.#count = 0n;
  }

  #load(offset: number): bigint | undefined {
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
        return this.#source;
      case EduRegister.DMA_DESTINATION:
        return this.#destination;
      case EduRegister.DMA_COUNT:
        return this.#count;
      case EduRegister.DMA_COMMAND:
        return BigInt(this.#command);
      default:
        return undefined;
    }
  }

  #store(offset: number, value: bigint): void {
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
    signalInterrupt(this.config, this.#interrupt);
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
    const port = isBusMaster(this.config) ? this.#port : undefined;
    const window = this.buffer.subarray(first, first + bytes);
    if (toMemory) port?.write(this.#destination & this.#dmaMask, window.slice());
    else if (port === undefined) window.fill(0);
    else window.set(port.read(this.#source & this.#dmaMask, bytes).data);
  }
}
