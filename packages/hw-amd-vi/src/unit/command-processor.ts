import {
  join64,
  NO_PASID,
  QueueRing,
  wordField,
  type Endpoint,
  type PhysicalMemory,
  type RegisterFile,
  type UnitCounters,
} from '@ioasis/core';
import {
  COMMAND_BYTES,
  COMPLETE_PPR_REQUEST,
  COMPLETION_WAIT,
  INVALIDATE_DEVTAB_ENTRY,
  INVALIDATE_IOMMU_PAGES,
  INVALIDATE_IOTLB_PAGES,
  Opcode,
} from '../layouts/commands.js';
import { EVENT, EventCode, HardwareErrorType } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { CONTROL, RING_LENGTH_MIN, STATUS } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import { commandName, isLegalCommand, opcodeOf } from './command.js';
import { rangeOf } from './invalidated-range.js';
import { GROUP_INDEX } from './page-requests.js';
import { HOST_TAG, type TranslationCaches } from './translation-caches.js';
import type { LogSink } from './unit-log.js';
import type { Watch } from './watch.js';

/** What the command buffer needs of its unit. */
export interface CommandProcessorParts {
  readonly memory: PhysicalMemory;
  readonly registers: RegisterFile;
  readonly capabilities: Capabilities;
  readonly caches: TranslationCaches;
  readonly events: LogSink;
  readonly counters: UnitCounters;
  readonly watch: Watch;
  /** By DeviceID. */
  readonly endpoints: ReadonlyMap<number, Endpoint>;
  /** Called when COMPLETION_WAIT asks for an interrupt; checks its enable. */
  readonly completionWaitInterrupt: () => void;
}

/** How a command ended: done; a device did not answer within Control.InvTimeOut, or may take for ever. */
type CommandEnd = 'done' | 'timed-out' | 'waiting';

const CMD_BUF_RUN = Number(STATUS.mask('CMD_BUF_RUN'));
const COM_WAIT_INT = Number(STATUS.mask('COM_WAIT_INT'));
const INV_TIME_OUT = Number(CONTROL.mask('INV_TIME_OUT'));

const wait = { S: wordField(COMPLETION_WAIT, 'S'), I: wordField(COMPLETION_WAIT, 'I') };
const DEVICE_ID = wordField(INVALIDATE_DEVTAB_ENTRY, 'DEVICE_ID');
const pages = {
  DOMAIN_ID: wordField(INVALIDATE_IOMMU_PAGES, 'DOMAIN_ID'),
  PASID: wordField(INVALIDATE_IOMMU_PAGES, 'PASID'),
  GN: wordField(INVALIDATE_IOMMU_PAGES, 'GN'),
  PDE: wordField(INVALIDATE_IOMMU_PAGES, 'PDE'),
};
const iotlb = {
  PASID_15_8: wordField(INVALIDATE_IOTLB_PAGES, 'PASID_15_8'),
  PASID_7_0: wordField(INVALIDATE_IOTLB_PAGES, 'PASID_7_0'),
  GN: wordField(INVALIDATE_IOTLB_PAGES, 'GN'),
};
const ppr = {
  PASID: wordField(COMPLETE_PPR_REQUEST, 'PASID'),
  GN: wordField(COMPLETE_PPR_REQUEST, 'GN'),
  TAG: wordField(COMPLETE_PPR_REQUEST, 'COMPLETION_TAG'),
  STATUS: wordField(COMPLETE_PPR_REQUEST, 'STATUS'),
};

/**
 * The command buffer (48882 2.4). A command that is illegal, cannot be fetched or gets no answer logs an event and stops the buffer at
 * its own entry: software disables the buffer, mends it and enables it again.
 */
export class CommandProcessor {
  readonly #parts: CommandProcessorParts;
  readonly #ring = new QueueRing(COMMAND_BYTES, 'gap');
  readonly #words = new Int32Array(COMMAND_BYTES / 4);
  #isEnabled = false;

  constructor(parts: CommandProcessorParts) {
    this.#parts = parts;
  }

  get isRunning(): boolean {
    return (this.#parts.registers.get(Register.STATUS) & CMD_BUF_RUN) !== 0;
  }

  /**
   * Control.CmdBufEn and IommuEn as they are now. A change to enabled starts with the ring that the base register names; one to
   * disabled stops.
   */
  enable(enabled: boolean): void {
    if (enabled === this.#isEnabled) return;
    this.#isEnabled = enabled;
    const { registers } = this.#parts;
    const hi = registers.get(Register.COMMAND_BUFFER_BASE + 4);
    const length = (hi >>> 24) & 0xf;
    const runs = enabled && length >= RING_LENGTH_MIN;
    if (runs) this.#ring.configure(hi & 0xf_ffff, registers.get(Register.COMMAND_BUFFER_BASE) & ~0xfff, length);
    const status = registers.get(Register.STATUS);
    registers.set(Register.STATUS, runs ? status | CMD_BUF_RUN : status & ~CMD_BUF_RUN);
  }

  /** Power-on; the registers have been reset. */
  reset(): void {
    this.#isEnabled = false;
  }

  /** Runs pending commands. @returns how many */
  run(limit: number): number {
    const { registers, counters } = this.#parts;
    const ring = this.#ring;
    let ran = 0;
    while (ran < limit && this.isRunning) {
      ring.head = registers.get(Register.COMMAND_BUFFER_HEAD) / COMMAND_BYTES;
      ring.tail = registers.get(Register.COMMAND_BUFFER_TAIL) / COMMAND_BYTES;
      // Pointers beyond the ring are undefined: nothing runs until they are right.
      if (ring.isEmpty || !ring.accepts(ring.tail) || !ring.accepts(ring.head)) break;
      ring.locate(ring.head);
      if (!this.#step()) break;
      ring.advanceHead();
      registers.set(Register.COMMAND_BUFFER_HEAD, ring.head * COMMAND_BYTES);
      ran++;
    }
    counters.commands += ran;
    return ran;
  }

  /** Runs the command at the ring's head. @returns false: it goes no further */
  #step(): boolean {
    const { memory, capabilities, watch } = this.#parts;
    const { entryHi, entryLo } = this.#ring;
    const words = this.#words;
    for (let word = 0; word < 4; word += 2) {
      if (!memory.load64(entryHi, entryLo + word * 4)) {
        return this.#stop({ CODE: EventCode.COMMAND_HARDWARE_ERROR, TYPE: HardwareErrorType.MASTER_ABORT });
      }
      words[word] = memory.loadedLo;
      words[word + 1] = memory.loadedHi;
    }
    if (watch.observer !== null) watch.observer.executing(commandName(words), words);
    if (!isLegalCommand(words, capabilities)) return this.#stop({ CODE: EventCode.ILLEGAL_COMMAND_ERROR });
    const end = this.#execute();
    if (end === 'timed-out') {
      return this.#stop({ CODE: EventCode.IOTLB_INV_TIMEOUT, DEVICE_ID: DEVICE_ID.of(words, 0) });
    }
    return end === 'done';
  }

  #stop(event: { CODE: number; TYPE?: number; DEVICE_ID?: number }): false {
    const { registers, events } = this.#parts;
    registers.set(Register.STATUS, registers.get(Register.STATUS) & ~CMD_BUF_RUN);
    events.append(EVENT.encode({ ...event, ADDRESS: join64(this.#ring.entryHi, this.#ring.entryLo) }));
    return false;
  }

  #execute(): CommandEnd {
    const words = this.#words;
    const { caches, counters } = this.#parts;
    switch (opcodeOf(words)) {
      case Opcode.COMPLETION_WAIT:
        this.#completionWait();
        return 'done';
      case Opcode.INVALIDATE_DEVTAB_ENTRY:
        counters.invalidatedEntries += caches.dropDevice(DEVICE_ID.of(words, 0));
        return 'done';
      case Opcode.INVALIDATE_IOMMU_PAGES:
        this.#invalidatePages();
        return 'done';
      case Opcode.INVALIDATE_IOTLB_PAGES:
        return this.#invalidateIotlbPages();
      case Opcode.COMPLETE_PPR_REQUEST:
        this.#completePageRequest();
        return 'done';
      case Opcode.INVALIDATE_IOMMU_ALL:
        counters.invalidatedEntries += caches.dropAll();
        return 'done';
      case Opcode.INVALIDATE_INTERRUPT_TABLE:
        caches.dropInterrupts(DEVICE_ID.of(words, 0));
        return 'done';
      default:
        // PREFETCH_IOMMU_PAGES is a hint: doing nothing is always right.
        return 'done';
    }
  }

  /** Everything before it has completed: commands run one after the other, whatever F says. */
  #completionWait(): void {
    const words = this.#words;
    const { memory, registers, completionWaitInterrupt } = this.#parts;
    if (wait.S.of(words, 0) !== 0) {
      memory.deviceWriting = true;
      memory.store64(words[1]! & 0xf_ffff, words[0]! & ~7, words[3]!, words[2]!);
      memory.deviceWriting = false;
    }
    if (wait.I.of(words, 0) !== 0) {
      registers.set(Register.STATUS, registers.get(Register.STATUS) | COM_WAIT_INT);
      completionWaitInterrupt();
    }
  }

  #invalidatePages(): void {
    const words = this.#words;
    const { caches, counters } = this.#parts;
    const pasid = pages.GN.of(words, 0) !== 0 ? pages.PASID.of(words, 0) : HOST_TAG;
    const range = rangeOf(words[3]!, words[2]!);
    const domainId = pages.DOMAIN_ID.of(words, 0);
    counters.invalidatedEntries += caches.dropPages(domainId, pasid, range, pages.PDE.of(words, 0) !== 0);
  }

  /** Nobody answers for a device that is not there; without a time-out it is waited for until it comes. */
  #invalidateIotlbPages(): CommandEnd {
    const words = this.#words;
    const { caches, endpoints, registers } = this.#parts;
    const deviceId = DEVICE_ID.of(words, 0);
    const hasPasid = iotlb.GN.of(words, 0) !== 0;
    const pasid = hasPasid ? (iotlb.PASID_15_8.of(words, 0) << 8) | iotlb.PASID_7_0.of(words, 0) : NO_PASID;
    const range = rangeOf(words[3]!, words[2]!);
    const answer = endpoints.get(deviceId)?.invalidateTlb({ pasid, ...range }) ?? 'timed-out';
    if (answer === 'timed-out') {
      return (registers.get(Register.CONTROL) & INV_TIME_OUT) === 0 ? 'waiting' : 'timed-out';
    }
    caches.deviceDropped(deviceId, pasid, range, answer === 'unexpected' ? 0 : answer);
    return 'done';
  }

  #completePageRequest(): void {
    const words = this.#words;
    const requesterId = DEVICE_ID.of(words, 0);
    const pasid = ppr.GN.of(words, 0) !== 0 ? ppr.PASID.of(words, 0) : undefined;
    const groupIndex = ppr.TAG.of(words, 0) & GROUP_INDEX;
    const code = ppr.STATUS.of(words, 0);
    this.#parts.endpoints.get(requesterId)?.pageGroupResponse({ requesterId, pasid, groupIndex, code });
  }
}
