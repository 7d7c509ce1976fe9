import { Buffer } from 'node:buffer';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Process } from '@ioasis/core';
import { EDU_BUFFER, EduDma, EduRegister } from './edu-layout.js';
import { BUS_MASTER, PciConfig } from './pci-config.js';

/** Offset of a region in a vfio-pci device file: index << 40. */
const regionOffset = (index: number): bigint => BigInt(index) << 40n;
const BAR0 = regionOffset(0);
const CONFIG = regionOffset(7);

/** Which way bytes go: from memory into the device's buffer, or from there to memory. */
export type EduDirection = 'to-device' | 'from-device';

/**
 * A user space driver of an edu device: a program that has the device's VFIO file open and drives configuration space and registers
 * through pread and pwrite. Calls that the file refuses do nothing, as the device would.
 */
export class EduDriver {
  readonly #process: Process;
  readonly #fd: number;

  /** @param fd descriptor of the VFIO device file */
  constructor(process: Process, fd: number) {
    this.#process = process;
    this.#fd = fd;
  }

  /** Configuration bytes as the program sees them; fewer where the read stops. */
  readConfig(offset: number, bytes: number): Uint8Array {
    return this.#read(CONFIG + BigInt(offset), bytes);
  }

  /**
   * One DMA transfer. Bus mastering is on for its duration only.
   * @param offset first byte in the device's buffer
   */
  transfer(direction: EduDirection, iova: bigint, offset: number, bytes: number): void {
    const command = this.#read(CONFIG + BigInt(PciConfig.COMMAND), 2);
    if (command.length < 2) return;
    const enabled = Buffer.alloc(2);
    enabled.writeUInt16LE(command.readUInt16LE() | BUS_MASTER);
    this.#write(CONFIG + BigInt(PciConfig.COMMAND), enabled);
    const buffer = BigInt(EDU_BUFFER + offset);
    const toDevice = direction === 'to-device';
    this.#writeRegister(EduRegister.DMA_SOURCE, toDevice ? iova : buffer);
    this.#writeRegister(EduRegister.DMA_DESTINATION, toDevice ? buffer : iova);
    this.#writeRegister(EduRegister.DMA_COUNT, BigInt(bytes));
    this.#writeRegister(EduRegister.DMA_COMMAND, BigInt(toDevice ? EduDma.START : EduDma.START | EduDma.TO_MEMORY));
    this.#write(CONFIG + BigInt(PciConfig.COMMAND), command);
  }

  #writeRegister(offset: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    this.#write(BAR0 + BigInt(offset), bytes);
  }

  #read(offset: bigint, bytes: number): Buffer {
    return this.#process.scratch.borrow(bytes, (addr) => {
      const read = this.#process.pread(this.#fd, addr, bytes, offset);
      return Buffer.from(this.#process.addressSpace.peek(addr, isLeft(read) ? 0 : read.right));
    });
  }

  #write(offset: bigint, bytes: Buffer): void {
    this.#process.scratch.borrow(bytes.length, (addr) => {
      this.#process.addressSpace.poke(addr, bytes);
      this.#process.pwrite(this.#fd, addr, bytes.length, offset);
    });
  }
}
