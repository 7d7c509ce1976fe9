import { hex } from '@ioasis/core';
import type { Board } from './board.js';
import type { Qtest } from './qtest.js';

/** Registers of QEMU's edu device, from BAR0. */
const SOURCE = 0x80n;
const DESTINATION = 0x88n;
const COUNT = 0x90n;
const COMMAND = 0x98n;
/** Bit 0 starts and stays while it runs; bit 1: device to memory. */
const START = 1;
const TO_MEMORY = 2;
/** The device's own buffer, in its address space. */
const BUFFER = 0x4_0000n;
/** Where what is read lands; below lies what will be written. */
const READ_AREA = 0xc00;
const READ_BYTES = 0x400;
const POLL_MS = 0.5;

const PCI_COMMAND = 0x04;
const PCI_BAR0 = 0x10;
const PCI_BUSES = 0x18;
const PCI_MEMORY_WINDOW = 0x20;
/** Memory space and bus master. */
const ENABLE = 6;
const BAR_BYTES = 0x10_0000n;
/** Where bus 1's window starts, from the first BAR of bus 0. */
const BUS1_BARS = 0x100_0000n;
/** A transfer takes one or two polls; QEMU is lost after this many. */
const POLLS = 4000;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, POLL_MS));

/** Opens bus 1 behind the root port at 1e.0 for the BARs from `bars` on. */
export async function openBus1(qtest: Qtest, board: Board): Promise<void> {
  const port = 0x1e << 3;
  const first = Number((board.bars + BUS1_BARS) >> 16n);
  await board.configWrite(qtest, port, PCI_BUSES, 0x0001_0100);
  await board.configWrite(qtest, port, PCI_MEMORY_WINDOW, ((first + 0xff) << 16) | first);
  await board.configWrite(qtest, port, PCI_COMMAND, ENABLE);
}

/**
 * An edu device of a QEMU machine that does one access at a time. What it will write is loaded while the unit is still off, because loading is a DMA
 * too.
 */
export class EduRequester {
  readonly #qtest: Qtest;
  readonly #board: Board;
  readonly #rid: number;
  readonly #bar: bigint;
  #loaded = 0;

  /** @param index of the device, no two alike */
  constructor(qtest: Qtest, board: Board, rid: number, index: number) {
    this.#qtest = qtest;
    this.#board = board;
    this.#rid = rid;
    this.#bar = board.bars + BigInt(index) * BAR_BYTES + (rid >> 8 === 1 ? BUS1_BARS : 0n);
  }

  /** Gives the device its BAR and lets it do DMA. */
  async enable(): Promise<void> {
    await this.#board.configWrite(this.#qtest, this.#rid, PCI_BAR0, Number(this.#bar));
    await this.#board.configWrite(this.#qtest, this.#rid, PCI_COMMAND, ENABLE);
  }

  /** Keeps bytes in the buffer for a later {@link write}. @returns where */
  async load(data: Uint8Array): Promise<number> {
    const at = this.#loaded;
    if (at + data.length > READ_AREA) throw new RangeError('the scenario writes more than 3072 bytes by one requester');
    this.#loaded += (data.length + 7) & ~7;
    const { scratch } = this.#board;
    const text = Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
    this.#qtest.post(`write ${hex(scratch)} ${data.length} 0x${text}`);
    await this.#transfer(scratch, BUFFER + BigInt(at), data.length, START);
    await this.#qtest.send(`memset ${hex(scratch)} ${data.length} 0`);
    return at;
  }

  /** Reads memory at an IOVA into the buffer. */
  async read(iova: bigint, bytes: number): Promise<void> {
    if (bytes > READ_BYTES)
      throw new RangeError(`a read of ${bytes} bytes: QEMU's device does up to ${READ_BYTES} here`);
    await this.#transfer(iova, BUFFER + BigInt(READ_AREA), bytes, START);
  }

  /** Writes what the last {@link read} brought to an address, in whole words. */
  async writeBack(iova: bigint, bytes: number): Promise<void> {
    await this.#transfer(BUFFER + BigInt(READ_AREA), iova, (bytes + 3) & ~3, START | TO_MEMORY);
  }

  /** Writes loaded bytes to memory at an IOVA. */
  async write(iova: bigint, at: number, bytes: number): Promise<void> {
    await this.#transfer(BUFFER + BigInt(at), iova, bytes, START | TO_MEMORY);
  }

  async #transfer(source: bigint, destination: bigint, bytes: number, command: number): Promise<void> {
    const set = (register: bigint, value: bigint | number): void =>
      this.#qtest.post(`writeq ${hex(this.#bar + register)} ${hex(value)}`);
    set(SOURCE, source);
    set(DESTINATION, destination);
    set(COUNT, bytes);
    set(COMMAND, command);
    for (let polls = 0; polls < POLLS; polls++) {
      if ((BigInt(await this.#qtest.send(`readq ${hex(this.#bar + COMMAND)}`)) & 1n) === 0n) return;
      await pause();
    }
    throw new Error(`the transfer of requester ${hex(this.#rid)} does not end`);
  }
}
