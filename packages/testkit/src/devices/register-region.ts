import type { PciRegion } from '@ioasis/core';

/** Registers behind a BAR. Offsets are bytes; values are unsigned, of which an access takes its low bytes. */
export interface RegisterBlock {
  /** Whether the device answers an access of this width. */
  accepts(offset: number, bytes: number): boolean;
  /** Undefined: there is no register. */
  load(offset: number): bigint | undefined;
  /** One store of 4 or 8 bytes at a byte offset. */
  store(offset: number, value: bigint): void;
}

/** A memory BAR of registers. Accesses of the wrong width and of registers that do not exist read as all ones and write nothing. */
export const registerRegion = (size: number, block: RegisterBlock): PciRegion => ({
  bytes: size,
  kind: 'memory',
  read(offset, into) {
    const value = (block.accepts(offset, into.length) ? block.load(offset) : undefined) ?? -1n;
    for (let at = 0; at < into.length; at++) into[at] = Number((value >> BigInt(8 * at)) & 0xffn);
  },
  write(offset, from) {
    if (!block.accepts(offset, from.length)) return;
    block.store(
      offset,
      from.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n),
    );
  },
});
