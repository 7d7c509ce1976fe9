import { Buffer } from 'node:buffer';
import { isLeft } from 'fp-ts/lib/Either.js';
import type { Process } from '@ioasis/core';
import { BUS_MASTER, EDU_BUFFER, EduConfig, EduDma, EduRegister } from '../devices/edu-layout.js';
import type { StepOf } from './format.js';

/** Offset of a region in a vfio-pci device file: index << 40. */
const regionOffset = (index: number): bigint => BigInt(index) << 40n;
const BAR0 = regionOffset(0);
const CONFIG = regionOffset(7);

/**
 * A VFIO device file driven as the recorder's program drove it: configuration space and the registers of its edu device, through
 * pread and pwrite.
 */
export class DeviceAccess {
  readonly #process: Process;

  constructor(process: Process) {
    this.#process = process;
  }

  /** Configuration bytes as the user sees them; fewer where the read stops. */
  readConfig(fd: number, offset: number, bytes: number): string {
    return this.#read(fd, CONFIG + BigInt(offset), bytes).toString('hex');
  }

  /** One transfer between memory and the device's internal buffer. Bus mastering is on for its duration only. */
  transfer(fd: number, step: StepOf<'dma'>): void {
    const command = this.#read(fd, CONFIG + BigInt(EduConfig.COMMAND), 2);
    if (command.length < 2) return;
    const enabled = Buffer.alloc(2);
    enabled.writeUInt16LE(command.readUInt16LE() | BUS_MASTER);
    this.#write(fd, CONFIG + BigInt(EduConfig.COMMAND), enabled);
    const buffer = BigInt(EDU_BUFFER) + BigInt(step.devoff);
    const toDevice = step.dir === 'to-dev';
    this.#writeRegister(fd, EduRegister.DMA_SOURCE, toDevice ? BigInt(step.iova) : buffer);
    this.#writeRegister(fd, EduRegister.DMA_DESTINATION, toDevice ? buffer : BigInt(step.iova));
    this.#writeRegister(fd, EduRegister.DMA_COUNT, BigInt(step.len));
    this.#writeRegister(fd, EduRegister.DMA_COMMAND, BigInt(toDevice ? EduDma.START : EduDma.START | EduDma.TO_MEMORY));
    this.#write(fd, CONFIG + BigInt(EduConfig.COMMAND), command);
  }

  #writeRegister(fd: number, offset: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    this.#write(fd, BAR0 + BigInt(offset), bytes);
  }

  #read(fd: number, offset: bigint, bytes: number): Buffer {
    return this.#process.scratch.borrow(bytes, (addr) => {
      const read = this.#process.pread(fd, addr, bytes, offset);
      return Buffer.from(this.#process.addressSpace.peek(addr, isLeft(read) ? 0 : read.right));
    });
  }

  #write(fd: number, offset: bigint, bytes: Buffer): void {
    this.#process.scratch.borrow(bytes.length, (addr) => {
      this.#process.addressSpace.poke(addr, bytes);
      this.#process.pwrite(fd, addr, bytes.length, offset);
    });
  }
}
