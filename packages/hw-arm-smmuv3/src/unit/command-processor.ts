import {
  hi32,
  lo32,
  NO_PASID,
  QueueRing,
  wordField,
  type CacheTags,
  type Endpoint,
  type PhysicalMemory,
  type RegisterFile,
  type UnitCounters,
} from '@ioasis/core';
import {
  ATC_INV,
  CFGI_COMMAND,
  CFGI_STE_RANGE,
  COMMAND_BYTES,
  CompletionSignal,
  Opcode,
  PAGE_RESPONSE_CODES,
  PRI_RESP,
  RESUME,
  ResumeAction,
  SYNC,
} from '../layouts/commands.js';
import { Register } from '../layouts/register-offsets.js';
import { CommandError } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import { commandName, type Observation } from './observation.js';
import type { StalledTransactions } from './stalled-transactions.js';
import type { TlbInvalidation } from './tlb-invalidation.js';
import type { UnitCaches } from './unit-caches.js';
import type { UnitPorts } from './unit-ports.js';

/** How a command ended: 0 or a `CommandError`. */
type CommandEnd = (typeof CommandError)[keyof typeof CommandError];

const CFGI = {
  SID: wordField(CFGI_COMMAND, 'SID'),
  SSID: wordField(CFGI_COMMAND, 'SSID'),
  SSEC: wordField(CFGI_COMMAND, 'SSEC'),
};
const RANGE = wordField(CFGI_STE_RANGE, 'RANGE');
const ATC = {
  SIZE: wordField(ATC_INV, 'SIZE'),
  SSV: wordField(ATC_INV, 'SSV'),
  SSID: wordField(ATC_INV, 'SSID'),
  G: wordField(ATC_INV, 'G'),
};
const PRI = {
  RESP: wordField(PRI_RESP, 'RESP'),
  PRGINDEX: wordField(PRI_RESP, 'PRGINDEX'),
};
const STALL = { STAG: wordField(RESUME, 'STAG'), ACTION: wordField(RESUME, 'ACTION') };
const CS = wordField(SYNC, 'CS');
const ERR_SHIFT = 24;

/** The command queue (IHI 0070 4): runs commands in order, stops at one that is in error until software acknowledges it. */
export class CommandProcessor {
  enabled = false;
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #capabilities: Capabilities;
  readonly #caches: UnitCaches;
  readonly #tlb: TlbInvalidation;
  readonly #stalled: StalledTransactions;
  readonly #counters: UnitCounters;
  readonly #ports: UnitPorts;
  readonly #endpoints: ReadonlyMap<number, Endpoint>;
  readonly #observation: Observation;
  readonly #sendMessage: (hi: number, lo: number, data: number) => void;
  readonly #reportError: () => void;
  readonly #isStopped: () => boolean;
  /** SMMUEN: without it no message leaves the unit. */
  readonly #isTranslating: () => boolean;
  readonly #ring = new QueueRing(COMMAND_BYTES, 'wrap-bit');
  readonly #words = new Int32Array(COMMAND_BYTES / 4);
  /** An ATC invalidation since the last CMD_SYNC got no answer: the CMD_SYNC reports it. */
  #atcTimedOut = false;

  constructor(
    memory: PhysicalMemory,
    registers: RegisterFile,
    capabilities: Capabilities,
    caches: UnitCaches,
    tlb: TlbInvalidation,
    stalled: StalledTransactions,
    counters: UnitCounters,
    ports: UnitPorts,
    endpoints: ReadonlyMap<number, Endpoint>,
    observation: Observation,
    sendMessage: (hi: number, lo: number, data: number) => void,
    reportError: () => void,
    isStopped: () => boolean,
    isTranslating: () => boolean,
  ) {
    this.#memory = memory;
    this.#registers = registers;
    this.#capabilities = capabilities;
    this.#caches = caches;
    this.#tlb = tlb;
    this.#stalled = stalled;
    this.#counters = counters;
    this.#ports = ports;
    this.#endpoints = endpoints;
    this.#observation = observation;
    this.#sendMessage = sendMessage;
    this.#reportError = reportError;
    this.#isStopped = isStopped;
    this.#isTranslating = isTranslating;
  }

  reset(): void {
    this.enabled = false;
    this.#atcTimedOut = false;
  }

  /** Runs pending commands. @returns how many */
  run(limit: number): number {
    let ran = 0;
    while (ran < limit && this.enabled && !this.#isStopped()) {
      const ring = this.#load();
      if (ring.isEmpty) break;
      ring.locate(ring.head);
      const end = this.#step();
      if (end !== CommandError.NONE) {
        this.#registers.set(Register.CMDQ_CONS, ring.head | (end << ERR_SHIFT));
        this.#reportError();
        break;
      }
      ring.advanceHead();
      // The error field keeps what it was: it means something only while CMDQ_ERR is active.
      this.#registers.set(Register.CMDQ_CONS, (this.#registers.get(Register.CMDQ_CONS) & 0x7f00_0000) | ring.head);
      ran++;
    }
    this.#counters.commands += ran;
    return ran;
  }

  #load(): QueueRing {
    const registers = this.#registers;
    const ring = this.#ring;
    const lo = registers.get(Register.CMDQ_BASE);
    // A larger size counts as the largest; the queue is aligned to its size, at least 32 bytes (IHI 0070 6.3.26).
    const log2 = Math.min(lo & 0x1f, this.#capabilities.commandQueueMax);
    ring.configure(
      registers.get(Register.CMDQ_BASE + 4) & 0xf_ffff,
      lo & -Math.max(32, COMMAND_BYTES * 2 ** log2),
      log2,
    );
    const mask = 2 ** (ring.sizeLog2 + 1) - 1;
    ring.head = registers.get(Register.CMDQ_CONS) & mask;
    ring.tail = registers.get(Register.CMDQ_PROD) & mask;
    return ring;
  }

  #step(): CommandEnd {
    const { entryHi, entryLo } = this.#ring;
    const memory = this.#memory;
    const lines = this.#capabilities.coherent ? null : memory.lineCache;
    for (let word = 0; word < 4; word += 2) {
      const lo = entryLo + word * 4;
      if (!(lines === null ? memory.load64(entryHi, lo) : lines.deviceLoad64(entryHi, lo))) return CommandError.ABORT;
      const { loadedHi, loadedLo } = lines ?? memory;
      this.#words[word] = loadedLo;
      this.#words[word + 1] = loadedHi;
    }
    this.#observation.executing(this.#words);
    return this.#execute(this.#words[0]! & 0xff);
  }

  #execute(opcode: number): CommandEnd {
    const words = this.#words;
    const isTlbi = opcode >= Opcode.TLBI_NH_ALL && opcode <= Opcode.TLBI_NSNH_ALL;
    if (isTlbi) {
      const dropped = this.#tlb.run(opcode, words);
      if (dropped === null) return CommandError.ILLEGAL;
      this.#counters.invalidatedEntries += dropped;
      return CommandError.NONE;
    }
    switch (opcode) {
      case Opcode.PREFETCH_CONFIG:
      case Opcode.PREFETCH_ADDR:
        // Hints. Doing nothing is always right.
        return this.#isSecure() ? CommandError.ILLEGAL : CommandError.NONE;
      case Opcode.CFGI_STE:
      case Opcode.CFGI_STE_RANGE:
        return this.#isSecure() ? CommandError.ILLEGAL : this.#invalidateConfiguration(opcode);
      case Opcode.CFGI_CD:
      case Opcode.CFGI_CD_ALL:
        if (!this.#capabilities.stage1) return CommandError.ILLEGAL;
        return this.#isSecure() ? CommandError.ILLEGAL : this.#invalidateConfiguration(opcode);
      case Opcode.ATC_INV:
        return this.#capabilities.ats ? this.#invalidateAtc() : CommandError.ILLEGAL;
      case Opcode.PRI_RESP:
        return this.#capabilities.pri ? this.#respond() : CommandError.ILLEGAL;
      case Opcode.RESUME:
      case Opcode.STALL_TERM:
        return this.#capabilities.canStall && !this.#isSecure() ? this.#resume(opcode) : CommandError.ILLEGAL;
      case Opcode.SYNC:
        return this.#sync();
      default:
        return CommandError.ILLEGAL;
    }
  }

  /** SSEC = 1 names a secure stream, which a non-secure queue may not. */
  #isSecure(): boolean {
    return CFGI.SSEC.of(this.#words, 0) !== 0;
  }

  #invalidateConfiguration(opcode: number): CommandEnd {
    const words = this.#words;
    const caches = this.#caches;
    const streamId = words[1]! >>> 0;
    let dropped: number;
    let tags: CacheTags = { stream: streamId };
    if (opcode === Opcode.CFGI_CD) {
      const ssid = CFGI.SSID.of(words, 0);
      dropped = caches.dropContexts(streamId, ssid);
      tags = { stream: streamId, ssid };
    } else if (opcode === Opcode.CFGI_CD_ALL) dropped = caches.dropContexts(streamId, null);
    else if (opcode === Opcode.CFGI_STE) dropped = caches.dropStreams(streamId, streamId);
    else {
      const size = 2 ** (RANGE.of(words, 0) + 1);
      const first = Math.floor(streamId / size) * size;
      dropped = caches.dropStreams(first, first + size - 1);
      tags = size === 2 ** 32 ? {} : { stream: first, streams: size };
    }
    this.#counters.invalidatedEntries += dropped;
    this.#observation.invalidated(commandName(words), ['structure'], tags, undefined, dropped);
    return CommandError.NONE;
  }

  #invalidateAtc(): CommandEnd {
    if (!this.#isTranslating()) return CommandError.NONE;
    const words = this.#words;
    const size = ATC.SIZE.of(words, 0);
    const address = (BigInt(words[3]! >>> 0) << 32n) | BigInt((words[2]! & ~0xfff) >>> 0);
    // Size 52: everything.
    const bytes = 1n << BigInt(Math.min(12 + size, 64));
    const start = address & ~(bytes - 1n);
    const last = start + bytes - 1n;
    const ssid = ATC.SSV.of(words, 0) === 0 ? NO_PASID : ATC.SSID.of(words, 0);
    const pasid = ssid !== NO_PASID && ATC.G.of(words, 0) !== 0 ? undefined : ssid;
    const stream = words[1]! >>> 0;
    // A device that is not there: the root complex answers "unsupported request", which is no error (IHI 0070 3.9.1.5).
    const answer = this.#endpoints.get(stream)?.invalidateTlb({
      pasid,
      startHi: hi32(start),
      startLo: lo32(start),
      lastHi: hi32(last),
      lastLo: lo32(last),
    });
    if (answer === 'timed-out') this.#atcTimedOut = true;
    else {
      const tags: CacheTags = { stream, ...(pasid !== undefined && pasid !== NO_PASID && { ssid: pasid }) };
      const dropped = typeof answer === 'number' ? answer : 0;
      this.#observation.invalidated(commandName(words), ['device-tlb'], tags, { start, last }, dropped);
    }
    return CommandError.NONE;
  }

  #respond(): CommandEnd {
    const words = this.#words;
    const code = PAGE_RESPONSE_CODES[PRI.RESP.of(words, 0)];
    if (code === undefined) return CommandError.ILLEGAL;
    if (!this.#isTranslating()) return CommandError.NONE;
    const requesterId = words[1]! >>> 0;
    const pasid = ATC.SSV.of(words, 0) !== 0 ? ATC.SSID.of(words, 0) : undefined;
    const groupIndex = PRI.PRGINDEX.of(words, 0);
    this.#endpoints.get(requesterId)?.pageGroupResponse({ requesterId, pasid, groupIndex, code });
    return CommandError.NONE;
  }

  #resume(opcode: number): CommandEnd {
    const words = this.#words;
    const streamId = words[1]! >>> 0;
    if (opcode === Opcode.STALL_TERM) {
      for (const tag of this.#stalled.terminate(streamId)) this.#ports.resume(streamId, tag, 'abort');
      return CommandError.NONE;
    }
    const tag = STALL.STAG.of(words, 0);
    const action = STALL.ACTION.of(words, 0);
    // A tag that is not stalled, or of another stream: the command does nothing.
    if (this.#stalled.resume(streamId, tag)) {
      // Bit 0 is Action, retry, whatever bit 1 says: Abort, which is always so where the unit has no RAZ/WI.
      const isAborted = action === ResumeAction.ABORT || this.#capabilities.abortOnly;
      const outcome = (action & ResumeAction.RETRY) !== 0 ? 'retry' : isAborted ? 'abort' : 'terminate';
      this.#ports.resume(streamId, tag, outcome);
    }
    return CommandError.NONE;
  }

  /** All commands before it are finished by now; what remains is to signal it. */
  #sync(): CommandEnd {
    const words = this.#words;
    if (this.#atcTimedOut) {
      this.#atcTimedOut = false;
      return CommandError.ATC_INV_SYNC;
    }
    const signal = CS.of(words, 0);
    if (signal > CompletionSignal.SEV) return CommandError.ILLEGAL;
    if (signal === CompletionSignal.SEV && this.#capabilities.sendsEvents) this.#ports.sendEvent();
    if (signal === CompletionSignal.IRQ) {
      const hi = words[3]! & 0xf_ffff;
      const lo = words[2]! & ~3;
      if (this.#capabilities.msi && (hi !== 0 || lo !== 0)) this.#sendMessage(hi, lo, words[1]!);
      else this.#ports.interrupt('sync');
    }
    return CommandError.NONE;
  }
}
