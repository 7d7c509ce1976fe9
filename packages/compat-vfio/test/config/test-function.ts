import type { PciFunction, PciRegion } from '@ioasis/core';

/** Registers that remember what was written. */
export class TestRegion implements PciRegion {
  readonly bytes: number;
  readonly kind: 'memory' | 'io';
  readonly registers: Uint8Array;
  /** Widths of the accesses, in order. */
  readonly accesses: number[] = [];

  constructor(bytes: number, kind: 'memory' | 'io' = 'memory') {
    this.bytes = bytes;
    this.kind = kind;
    this.registers = new Uint8Array(bytes);
  }

  read(offset: number, into: Uint8Array): void {
    this.accesses.push(into.length);
    into.set(this.registers.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    this.accesses.push(from.length);
    this.registers.set(from, offset);
  }
}

/** Bytes by offset. */
export type Bytes = Readonly<Record<number, readonly number[]>>;

/** The header of QEMU's edu behind VT-d as a recording shows it (device/iommufd-vtd-aw39, step `config`), with its MSI capability. */
export const eduConfig: Bytes = {
  0x00: [0x34, 0x12, 0xe8, 0x11, 0x03, 0x01, 0x10, 0x00, 0x10, 0x00, 0xff, 0x00],
  0x10: [0x00, 0x00, 0xa0, 0xfe],
  0x2c: [0xf4, 0x1a, 0x00, 0x11],
  0x34: [0x40],
  0x3c: [0x0a, 0x01],
  // MSI: one vector, 64-bit address.
  0x40: [0x05, 0x00, 0x80, 0x00],
};

/** A function made of its configuration bytes. */
export class TestFunction implements PciFunction {
  readonly vendorId = 0x1234;
  readonly deviceId = 0x11e8;
  readonly classCode = 0x00ff00;
  readonly revision = 0x10;
  readonly interrupts = { intx: 1, msi: 1, msix: 0 };
  readonly config: Uint8Array;
  readonly bars: readonly (PciRegion | undefined)[];
  readonly resettable: boolean;
  resets = 0;

  constructor(
    config: Bytes,
    bars: readonly (PciRegion | undefined)[] = [new TestRegion(0x10_0000)],
    resettable = false,
    size = 256,
  ) {
    this.config = new Uint8Array(size);
    for (const [at, bytes] of Object.entries(config)) this.config.set(bytes, Number(at));
    this.bars = bars;
    this.resettable = resettable;
  }

  connect(): void {
    // Nothing here does DMA.
  }

  reset(): void {
    this.resets++;
    this.config.fill(0, 0x04, 0x06);
  }
}
