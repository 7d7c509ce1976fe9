import { hi32, join64, lo32, QueueRing, read64, type PhysicalMemory, type RegisterFile } from '@ioasis/core';
import { COMMAND, COMMAND_BYTES, Command, IODIR, IOFENCE, IOTINVAL } from '../layouts/commands.js';
import { CQCSR, IPSR, QUEUE_BASE, Register } from '../layouts/registers.js';
import type { Invalidation } from './unit-caches.js';

const CQEN = Number(CQCSR.mask('CQEN'));
const CIE = Number(CQCSR.mask('CIE'));
const CQMF = Number(CQCSR.mask('CQMF'));
const CMD_ILL = Number(CQCSR.mask('CMD_ILL'));
const CMD_TO = Number(CQCSR.mask('CMD_TO'));
const FENCE_W_IP = Number(CQCSR.mask('FENCE_W_IP'));
const CQON = Number(CQCSR.mask('CQON'));
const ERRORS = CQMF | CMD_ILL | CMD_TO;
const CIP = Number(IPSR.mask('CIP'));

/** A command, decoded. */
type DecodedCommand =
  | { readonly kind: 'pages'; readonly invalidation: Invalidation }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'contexts'; readonly deviceId: number | undefined }
  | {
      readonly kind: 'fence';
      readonly store: { readonly address: bigint; readonly data: number } | undefined;
      readonly interrupt: boolean;
    }
  | { readonly kind: 'illegal' };

/** What commands act on. */
export interface CommandEffects {
  executing(command: string, words: ArrayLike<number>): void;
  dropPages(invalidation: Invalidation): void;
  dropContexts(deviceId: number | undefined): void;
  interrupt(): void;
}

const isA = (word: bigint, { OPCODE, FUNC3 }: { readonly OPCODE: number; readonly FUNC3: number }): boolean =>
  COMMAND.get(word, 'OPCODE') === BigInt(OPCODE) && COMMAND.get(word, 'FUNC3') === BigInt(FUNC3);

/** Names a command, or refuses it: an unknown or unsupported one, or one with a reserved bit, is illegal. */
function decodeCommand(word: bigint): DecodedCommand {
  if (isA(word, Command.IOTINVAL_VMA) && (word & IOTINVAL.reserved) === 0n) {
    // Translations of a virtual machine: there are none without a second stage.
    if (IOTINVAL.get(word, 'GV') !== 0n) return { kind: 'nothing' };
    const start = IOTINVAL.get(word, 'ADDR') << 12n;
    return {
      kind: 'pages',
      invalidation: {
        pscid: IOTINVAL.get(word, 'PSCV') === 0n ? undefined : Number(IOTINVAL.get(word, 'PSCID')),
        range: IOTINVAL.get(word, 'AV') === 0n ? undefined : { start, last: start | 0xfffn },
      },
    };
  }
  if (isA(word, Command.IODIR_INVAL_DDT) && (word & (IODIR.reserved | IODIR.mask('PID'))) === 0n) {
    return { kind: 'contexts', deviceId: IODIR.get(word, 'DV') === 0n ? undefined : Number(IODIR.get(word, 'DID')) };
  }
  if (isA(word, Command.IOFENCE_C) && (word & IOFENCE.reserved) === 0n) {
    const address = IOFENCE.get(word, 'ADDR') << 2n;
    return {
      kind: 'fence',
      store: IOFENCE.get(word, 'AV') === 0n ? undefined : { address, data: Number(IOFENCE.get(word, 'DATA')) | 0 },
      interrupt: IOFENCE.get(word, 'WSI') !== 0n,
    };
  }
  return { kind: 'illegal' };
}

const NAMES = {
  pages: 'IOTINVAL.VMA',
  nothing: 'IOTINVAL.VMA',
  contexts: 'IODIR.INVAL_DDT',
  fence: 'IOFENCE.C',
  illegal: 'illegal',
} as const;

/** The unit's end of the command queue. */
export class CommandProcessor {
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #effects: CommandEffects;
  readonly #ring = new QueueRing(COMMAND_BYTES, 'gap');
  readonly #words = new Int32Array(4);

  constructor(memory: PhysicalMemory, registers: RegisterFile, effects: CommandEffects) {
    this.#memory = memory;
    this.#registers = registers;
    this.#effects = effects;
  }

  /** cqb was written. */
  configure(): void {
    const base = read64(this.#registers, Register.CQB);
    const address = QUEUE_BASE.get(base, 'PPN') << 12n;
    this.#ring.configure(hi32(address), lo32(address), Number(QUEUE_BASE.get(base, 'LOG2SZ_1')) + 1);
  }

  /** cqcsr was written: switching on empties the queue; a cleared error lets it go on. */
  control(): void {
    const csr = this.#registers.get(Register.CQCSR);
    const isOn = (csr & CQON) !== 0;
    if ((csr & CQEN) !== 0 && !isOn) {
      this.#ring.head = 0;
      this.#registers.set(Register.CQH, 0);
      this.#registers.set(Register.CQCSR, (csr | CQON) & ~(ERRORS | FENCE_W_IP));
    } else if ((csr & CQEN) === 0 && isOn) this.#registers.set(Register.CQCSR, csr & ~CQON);
  }

  /** cqt was written: only the bits of an index are. */
  moveTail(): void {
    this.#registers.set(Register.CQT, this.#registers.get(Register.CQT) & (2 ** this.#ring.sizeLog2 - 1));
  }

  /** Runs up to `limit` commands. @returns how many */
  run(limit: number): number {
    const ring = this.#ring;
    let ran = 0;
    while (ran < limit) {
      const csr = this.#registers.get(Register.CQCSR);
      ring.tail = this.#registers.get(Register.CQT);
      if ((csr & CQON) === 0 || (csr & ERRORS) !== 0 || ring.isEmpty) break;
      if (!this.#execute()) break;
      ring.advanceHead();
      this.#registers.set(Register.CQH, ring.head);
      ran++;
    }
    return ran;
  }

  /** The command at the head. False: the queue stops there. */
  #execute(): boolean {
    const word = this.#fetch();
    if (word === undefined) return this.#stop(CQMF);
    const command = decodeCommand(word);
    this.#effects.executing(NAMES[command.kind], this.#words);
    switch (command.kind) {
      case 'pages':
        this.#effects.dropPages(command.invalidation);
        return true;
      case 'nothing':
        return true;
      case 'contexts':
        this.#effects.dropContexts(command.deviceId);
        return true;
      case 'fence':
        if (command.store !== undefined && !this.#store(command.store.address, command.store.data)) {
          return this.#stop(CQMF);
        }
        if (command.interrupt) this.#flag(FENCE_W_IP);
        return true;
      default:
        return this.#stop(CMD_ILL);
    }
  }

  #fetch(): bigint | undefined {
    const ring = this.#ring;
    const memory = this.#memory;
    ring.locate(ring.head);
    let command = 0n;
    for (const word of [0, 1]) {
      if (!memory.load64(ring.entryHi, ring.entryLo + 8 * word)) return undefined;
      this.#words[2 * word] = memory.loadedLo;
      this.#words[2 * word + 1] = memory.loadedHi;
      command |= join64(memory.loadedHi, memory.loadedLo) << BigInt(64 * word);
    }
    return command;
  }

  #store(address: bigint, data: number): boolean {
    this.#memory.deviceWriting = true;
    this.#memory.store32(hi32(address), lo32(address), data);
    this.#memory.deviceWriting = false;
    return !this.#memory.aborted;
  }

  #stop(error: number): false {
    this.#flag(error);
    return false;
  }

  #flag(bit: number): void {
    const csr = this.#registers.get(Register.CQCSR) | bit;
    this.#registers.set(Register.CQCSR, csr);
    if ((csr & CIE) === 0) return;
    this.#registers.set(Register.IPSR, this.#registers.get(Register.IPSR) | CIP);
    this.#effects.interrupt();
  }
}
