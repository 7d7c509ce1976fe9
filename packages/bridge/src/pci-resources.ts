import type { PciFunction, PciRegion } from '@ioasis/core';

/** Flags of a region in /sys (linux/ioport.h): IORESOURCE_IO, _MEM, _PREFETCH, _SIZEALIGN, _MEM_64. */
const Flag = { IO: 0x100, MEMORY: 0x200, PREFETCH: 0x2000, SIZE_ALIGN: 0x4_0000, WIDE: 0x10_0000 } as const;
const BAR0 = 0x10;
const BARS = 6;
/** Expansion ROM and the regions of virtual functions, which no model has. */
const OTHERS = 7;
/** Low bits of a BAR that say what it is (PCI 3.0, 6.2.5.1). */
const IO_TYPE_BITS = 0x3;
const MEMORY_TYPE_BITS = 0xf;
const IS_64_BIT = 0x4;
const IS_PREFETCHABLE = 0x8;

/** `/sys/bus/pci/devices/BDF/resource`: first byte, last byte and flags of each region, a line for each. */
export function resourceText(pci: PciFunction): string {
  const view = new DataView(pci.config.buffer, pci.config.byteOffset, pci.config.byteLength);
  const lines: string[] = [];
  for (let bar = 0; bar < BARS; bar++) lines.push(regionLine(view, bar, pci.bars[bar]));
  for (let other = 0; other < OTHERS; other++) lines.push(line(0n, 0n, 0));
  return lines.join('');
}

function regionLine(config: DataView, bar: number, region: PciRegion | undefined): string {
  if (region === undefined || region.bytes === 0) return line(0n, 0n, 0);
  const low = config.getUint32(BAR0 + 4 * bar, true);
  const typeBits = region.kind === 'io' ? IO_TYPE_BITS : MEMORY_TYPE_BITS;
  const isWide = region.kind === 'memory' && (low & IS_64_BIT) !== 0;
  const high = isWide ? BigInt(config.getUint32(BAR0 + 4 * bar + 4, true)) : 0n;
  const start = (high << 32n) | BigInt((low & ~typeBits) >>> 0);
  let flags = Flag.SIZE_ALIGN | (low & typeBits) | (region.kind === 'io' ? Flag.IO : Flag.MEMORY);
  if (isWide) flags |= Flag.WIDE;
  if (region.kind === 'memory' && (low & IS_PREFETCHABLE) !== 0) flags |= Flag.PREFETCH;
  return line(start, start + BigInt(region.bytes) - 1n, flags);
}

const line = (start: bigint, last: bigint, flags: number): string =>
  `${[start, last, BigInt(flags)].map((word) => `0x${word.toString(16).padStart(16, '0')}`).join(' ')}\n`;
