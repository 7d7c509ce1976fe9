import type { DmaPort } from './dma-port.js';
import type { TranslationUnit } from './translation-unit.js';

/** A BAR or the expansion ROM as VFIO shows it. */
export interface PciRegion {
  /** Size in bytes; a power of two, 0 = absent. */
  readonly bytes: number;
  readonly kind: 'memory' | 'io';
  /** Reads bytes at an offset inside the region. */
  read(offset: number, into: Uint8Array): void;
  /** Writes at a byte offset within the region, with the effects that the device gives it. */
  write(offset: number, from: Uint8Array): void;
}

/** Numbers of interrupt vectors by kind, as VFIO_DEVICE_GET_IRQ_INFO reports them. */
export interface PciInterrupts {
  /** 1 when the function has INTx. */
  readonly intx: number;
  readonly msi: number;
  readonly msix: number;
}

/** Where a device's interrupts go: vector number of the kind that is enabled. */
export type InterruptSink = (kind: 'intx' | 'msi' | 'msix', vector: number) => void;

/**
 * What a device shows to VFIO. testkit's device models implement it; compat-vfio's device files serve it.
 */
export interface PciFunction {
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24-bit class code. */
  readonly classCode: number;
  readonly revision: number;
  /** BAR 0 to 5; undefined entries are absent. */
  readonly bars: readonly (PciRegion | undefined)[];
  readonly interrupts: PciInterrupts;
  /** Whether the function can be reset (VFIO_DEVICE_FLAGS_RESET). */
  readonly resettable: boolean;
  /** Raw configuration space, 256 or 4096 bytes, as after power-on with BARs assigned; the owner of the space is the device. */
  readonly config: Uint8Array;
  /** Plugged into a machine: this is its way to memory and its interrupt line. */
  connect(port: DmaPort, interrupt: InterruptSink): void;
  /** Called after {@link connect} with the unit that serves the port, for the messages of ATS and PRI. Absent: the device has neither. */
  link?(unit: TranslationUnit): void;
  /** Function level reset: back to the state after power on. */
  reset(): void;
}
