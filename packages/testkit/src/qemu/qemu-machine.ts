import { Buffer } from 'node:buffer';
import { hex } from '@ioasis/core';
import type { DmaStep, Scenario, ScenarioStep } from '../scenario/format.js';
import { hash64Pattern } from '../scenario/hash64.js';
import { boards, type Board } from './board.js';
import { EduRequester, openBus1 } from './edu-requester.js';
import { Qtest } from './qtest.js';

/** What an access looked like from outside. */
export interface Witnessed {
  /** Lines that QEMU traced. */
  readonly trace: string;
  /** Bytes that a read brought on x86; undefined elsewhere and for writes. */
  readonly brought: Uint8Array | undefined;
}

/** A QEMU in which one scenario runs: a unit from reset, memory of zeroes, an edu device for each requester. */
export class QemuMachine {
  readonly board: Board;
  readonly #qtest: Qtest;
  readonly #requesters = new Map<number, EduRequester>();
  /** Where a write's bytes lie in its device. */
  readonly #loaded = new Map<DmaStep, number>();

  private constructor(qtest: Qtest, board: Board) {
    this.#qtest = qtest;
    this.board = board;
  }

  /** Starts QEMU. */
  static async start(scenario: Scenario): Promise<QemuMachine> {
    const board = boards[scenario.unit];
    const accesses = scenario.steps.filter((step): step is DmaStep => step.op === 'dma');
    const rids = [...new Set(accesses.map(({ rid }) => Number(rid)))];
    const qtest = new Qtest(board.program, (folder) => board.args(scenario, rids, folder));
    const machine = new QemuMachine(qtest, board);
    try {
      if (rids.some((rid) => rid >> 8 === 1)) await openBus1(qtest, board);
      for (const [index, rid] of rids.entries()) {
        const requester = new EduRequester(qtest, board, rid, index);
        await requester.enable();
        machine.#requesters.set(rid, requester);
      }
      for (const step of accesses) {
        if (step.dir !== 'write') continue;
        const requester = machine.#requesters.get(Number(step.rid))!;
        machine.#loaded.set(step, await requester.load(Buffer.from(step.data ?? '', 'hex')));
      }
      return machine;
    } catch (error) {
      await qtest.close();
      throw error;
    }
  }

  /** Ends QEMU. */
  close(): Promise<void> {
    return this.#qtest.close();
  }

  /** Stores bytes as the CPU. Does not wait: commands are carried out in order. */
  store(address: bigint, bytes: Uint8Array): void {
    if (bytes.length > 0) {
      this.#qtest.post(`write ${hex(address)} ${bytes.length} 0x${Buffer.from(bytes).toString('hex')}`);
    }
  }

  /** Reads memory as the CPU. */
  async load(address: bigint, bytes: number): Promise<Uint8Array> {
    return Buffer.from((await this.#qtest.send(`read ${hex(address)} ${bytes}`)).slice(2), 'hex');
  }

  /** Writes a register. */
  writeRegister(offset: number, size: 4 | 8, value: bigint): void {
    this.#qtest.post(`write${size === 8 ? 'q' : 'l'} ${hex(this.board.unitBase + BigInt(offset))} ${hex(value)}`);
  }

  /** Reads a register. */
  async readRegister(offset: number, size: 4 | 8): Promise<bigint> {
    return BigInt(await this.#qtest.send(`read${size === 8 ? 'q' : 'l'} ${hex(this.board.unitBase + BigInt(offset))}`));
  }

  /** Fills memory, as the scenario's steps say. */
  fill(step: Extract<ScenarioStep, { readonly op: 'fill' }>): void {
    const bytes = Number(step.len);
    if (step.pattern === undefined) {
      this.#qtest.post(`memset ${hex(BigInt(step.addr))} ${bytes} ${hex(Number(step.byte))}`);
    } else this.store(BigInt(step.addr), hash64Pattern(BigInt(step.addr), bytes));
  }

  /** Lets a device do one access. */
  async access(step: DmaStep, bringsBack: bigint | undefined): Promise<Witnessed> {
    const requester = this.#requesters.get(Number(step.rid))!;
    const iova = BigInt(step.iova);
    const bytes = Number(step.len);
    this.#qtest.takeTrace();
    if (step.dir === 'write') {
      await requester.write(iova, this.#loaded.get(step) ?? 0, bytes);
      return { trace: this.#qtest.takeTrace(), brought: undefined };
    }
    await requester.read(iova, bytes);
    const trace = this.#qtest.takeTrace();
    if (bringsBack === undefined) return { trace, brought: undefined };
    await requester.writeBack(bringsBack, bytes);
    return { trace, brought: messageWords(this.#qtest.takeTrace()).subarray(0, bytes) };
  }
}

/** Words of the interrupt messages that a trace shows, in order. */
function messageWords(trace: string): Uint8Array {
  const words: number[] = [];
  for (const [, data] of trace.matchAll(/(?:vtd_ir_remap_msi_req|amdvi_mem_ir_write_req) addr 0x\w+ data 0x(\w+)/g)) {
    words.push(Number.parseInt(data ?? '0', 16));
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}
