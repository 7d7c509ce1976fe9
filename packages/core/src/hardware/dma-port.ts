import type { HardwareFault } from './fault.js';

/** What a DMA read or write came to. Pieces are cut at 4 KiB boundaries; each is translated on its own. */
export interface DmaOutcome {
  /** `ok`, `blocked` (no piece allowed) or `partial`. */
  readonly status: 'ok' | 'blocked' | 'partial';
  readonly pieces: readonly DmaPiece[];
}

/** One 4 KiB piece of a DMA. */
export interface DmaPiece {
  /** First byte. */
  readonly iova: bigint;
  readonly bytes: number;
  /** Physical address of the first byte; undefined when refused. */
  readonly pa: bigint | undefined;
  /** Why it was refused: the unit's fault, or `bus-abort` when the address leads nowhere. */
  readonly fault: HardwareFault | 'bus-abort' | undefined;
}

/** A read also has the data; refused bytes are zero. */
export interface DmaReadOutcome extends DmaOutcome {
  readonly data: Uint8Array;
}

/** Answer to an ATS translation request. */
export interface AtsOutcome {
  readonly pa: bigint | undefined;
  /** Size of the translated page, bytes. */
  readonly pageBytes: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
}

/**
 * What a device model holds: its way to memory. Every call ends in data or in a fault value that names who, where and why.
 * Whether the device may master the bus is the device's own matter (PCI command register), not the port's.
 */
export interface DmaPort {
  readonly requesterId: number;
  /**
   * Reads `bytes` bytes at `iova`; refused pieces read as zero.
   * @param isTranslated the address is physical, from an earlier {@link translate} (PCIe ATS); false unless given
   */
  read(iova: bigint, bytes: number, pasid?: number, isTranslated?: boolean): DmaReadOutcome;
  /** Writes; refused pieces change nothing. */
  write(iova: bigint, data: Uint8Array, pasid?: number, isTranslated?: boolean): DmaOutcome;
  /** ATS translation request for one page. */
  translate(iova: bigint, write: boolean, pasid?: number): AtsOutcome;
}
