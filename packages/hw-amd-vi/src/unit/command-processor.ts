import {
  anyBit,
  maskWords,
  QueueRing,
  wordField,
  type PhysicalMemory,
  type RegisterFile,
  type UnitCounters,
} from '@ioasis/core';
import type { WordLayout } from '@ioasis/core';
import {
  COMMAND_BYTES,
  COMPLETE_PPR_REQUEST,
  COMPLETION_WAIT,
  INVALIDATE_DEVTAB_ENTRY,
  INVALIDATE_INTERRUPT_TABLE,
  INVALIDATE_IOMMU_ALL,
  INVALIDATE_IOMMU_PAGES,
  INVALIDATE_IOTLB_PAGES,
  Opcode,
  PREFETCH_IOMMU_PAGES,
} from '../layouts/commands.js';
import { EVENT, EventCode, HardwareErrorType } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { CONTROL, STATUS } from '../layouts/registers.js';
import type { Capabilities } from './capabilities.js';
import type { FaultReporter } from './fault-reporter.js';
import { rangeOf } from './invalidated-range.js';
import { HOST_TAG, type TranslationCaches } from './translation-caches.js';
import type { UnitPorts } from './unit-ports.js';

/** How a command ended. */
type CommandEnd = 'done' | 'illegal' | 'iotlb-timeout';

const CMD_BUF_RUN = Number(STATUS.mask('CMD_BUF_RUN'));
const COM_WAIT_INT = Number(STATUS.mask('COM_WAIT_INT'));
const COM_WAIT_INT_EN = Number(CONTROL.mask('COM_WAIT_INT_EN'));

const reserved = (layout: WordLayout<string>): Int32Array => maskWords(layout.reserved, 128);
const RESERVED: ReadonlyMap<number, Int32Array> = new Map([
  [Opcode.COMPLETION_WAIT, reserved(COMPLETION_WAIT)],
  [Opcode.INVALIDATE_DEVTAB_ENTRY, reserved(INVALIDATE_DEVTAB_ENTRY)],
  [Opcode.INVALIDATE_IOMMU_PAGES, reserved(INVALIDATE_IOMMU_PAGES)],
  [Opcode.INVALIDATE_IOTLB_PAGES, reserved(INVALIDATE_IOTLB_PAGES)],
  [Opcode.INVALIDATE_INTERRUPT_TABLE, reserved(INVALIDATE_INTERRUPT_TABLE)],
  [Opcode.PREFETCH_IOMMU_PAGES, reserved(PREFETCH_IOMMU_PAGES)],
  [Opcode.COMPLETE_PPR_REQUEST, reserved(COMPLETE_PPR_REQUEST)],
  [Opcode.INVALIDATE_IOMMU_ALL, reserved(INVALIDATE_IOMMU_ALL)],
]);

const waitField = {
  S: wordField(COMPLETION_WAIT, 'S'),
  I: wordField(COMPLETION_WAIT, 'I'),
};
const DEVICE_ID = wordField(INVALIDATE_DEVTAB_ENTRY, 'DEVICE_ID');
const pages = {
  DOMAIN_ID: wordField(INVALIDATE_IOMMU_PAGES, 'DOMAIN_ID'),
  PASID: wordField(INVALIDATE_IOMMU_PAGES, 'PASID'),
  GN: wordField(INVALIDATE_IOMMU_PAGES, 'GN'),
  PDE: wordField(INVALIDATE_IOMMU_PAGES, 'PDE'),
};
const iotlb = {
  DEVICE_ID: wordField(INVALIDATE_IOTLB_PAGES, 'DEVICE_ID'),
  PASID_15_8: wordField(INVALIDATE_IOTLB_PAGES, 'PASID_15_8'),
  PASID_7_0: wordField(INVALIDATE_IOTLB_PAGES, 'PASID_7_0'),
  GN: wordField(INVALIDATE_IOTLB_PAGES, 'GN'),
};
const ppr = {
  DEVICE_ID: wordField(COMPLETE_PPR_REQUEST, 'DEVICE_ID'),
  PASID: wordField(COMPLETE_PPR_REQUEST, 'PASID'),
  GN: wordField(COMPLETE_PPR_REQUEST, 'GN'),
  TAG: wordField(COMPLETE_PPR_REQUEST, 'COMPLETION_TAG'),
  STATUS: wordField(COMPLETE_PPR_REQUEST, 'STATUS'),
};

/**
 * The command buffer (48882 2.4). A command that is illegal or cannot be fetched logs an event and stops the buffer at its own entry:
 * software disables the buffer, mends it and enables it again.
 */
export class CommandProcessor {
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #capabilities: Capabilities;
  readonly #caches: TranslationCaches;
  readonly #reporter: FaultReporter;
  readonly #counters: UnitCounters;
  readonly #ports: UnitPorts;
  readonly #ring = new QueueRing(COMMAND_BYTES, 'gap');
  readonly #words = new Int32Array(COMMAND_BYTES / 4);

  constructor(
    memory: PhysicalMemory,
    registers: RegisterFile,
    capabilities: Capabilities,
    caches: TranslationCaches,
    reporter: FaultReporter,
    counters: UnitCounters,
    ports: UnitPorts,
  ) {
    this.#memory = memory;
    this.#registers = registers;
    this.#capabilities = capabilities;
    this.#caches = caches;
    this.#reporter = reporter;
    this.#counters = counters;
    this.#ports = ports;
  }

  get isRunning(): boolean {
    return (this.#registers.get(Register.STATUS) & CMD_BUF_RUN) !== 0;
  }

  /** Control.CmdBufEn and IommuEn: starts with the ring that the base register names, or stops. */
  enable(enabled: boolean): void {
    const registers = this.#registers;
    const status = registers.get(Register.STATUS);
    if (enabled && !this.isRunning) {
      const hi = registers.get(Register.COMMAND_BUFFER_BASE + 4);
      const lo = registers.get(Register.COMMAND_BUFFER_BASE);
      this.#ring.configure(hi & 0xf_ffff, lo & ~0xfff, (hi >>> 24) & 0xf);
    }
    registers.set(Register.STATUS, enabled ? status | CMD_BUF_RUN : status & ~CMD_BUF_RUN);
  }

  /** Runs pending commands. @returns how many */
  run(limit: number): number {
    const registers = this.#registers;
    let ran = 0;
    while (ran < limit && this.isRunning) {
      const head = registers.get(Register.COMMAND_BUFFER_HEAD) / COMMAND_BYTES;
      const tail = registers.get(Register.COMMAND_BUFFER_TAIL) / COMMAND_BYTES;
      if (head === tail) break;
      this.#ring.head = head;
      this.#ring.locate(head);
      if (!this.#step()) break;
      this.#ring.advanceHead();
      registers.set(Register.COMMAND_BUFFER_HEAD, this.#ring.head * COMMAND_BYTES);
      ran++;
    }
    this.#counters.commands += ran;
    return ran;
  }

  /** Runs the command at the ring's entry. @returns false: the buffer stopped there */
  #step(): boolean {
    const { entryHi, entryLo } = this.#ring;
    const memory = this.#memory;
    for (let word = 0; word < 4; word += 2) {
      if (!memory.load64(entryHi, entryLo + word * 4)) {
        return this.#stop(
          EVENT.encode({
            CODE: EventCode.COMMAND_HARDWARE_ERROR,
            TYPE: HardwareErrorType.MASTER_ABORT,
            ADDRESS: this.#address(),
          }),
        );
      }
      this.#words[word] = memory.loadedLo;
      this.#words[word + 1] = memory.loadedHi;
    }
    switch (this.#execute()) {
      case 'done':
        return true;
      case 'illegal':
        return this.#stop(EVENT.encode({ CODE: EventCode.ILLEGAL_COMMAND_ERROR, ADDRESS: this.#address() }));
      case 'iotlb-timeout': {
        const DEVICE = iotlb.DEVICE_ID.of(this.#words, 0);
        return this.#stop(
          EVENT.encode({ CODE: EventCode.IOTLB_INV_TIMEOUT, DEVICE_ID: DEVICE, ADDRESS: this.#address() }),
        );
      }
    }
  }

  #stop(event: bigint): false {
    const registers = this.#registers;
    registers.set(Register.STATUS, registers.get(Register.STATUS) & ~CMD_BUF_RUN);
    this.#reporter.append(event);
    return false;
  }

  #address(): bigint {
    return (BigInt(this.#ring.entryHi >>> 0) << 32n) | BigInt(this.#ring.entryLo >>> 0);
  }

  #execute(): CommandEnd {
    const words = this.#words;
    const capabilities = this.#capabilities;
    const opcode = words[1]! >>> 28;
    const mask = RESERVED.get(opcode);
    if (mask === undefined || anyBit(mask, words, 0)) return 'illegal';
    const guest = (words[2]! & 4) !== 0;
    switch (opcode) {
      case Opcode.COMPLETION_WAIT:
        return this.#completionWait();
      case Opcode.INVALIDATE_DEVTAB_ENTRY:
        this.#counters.invalidatedEntries += this.#caches.dropDevice(DEVICE_ID.of(words, 0));
        return 'done';
      case Opcode.INVALIDATE_IOMMU_PAGES:
        return guest && !capabilities.guestTranslation ? 'illegal' : this.#invalidatePages();
      case Opcode.INVALIDATE_IOTLB_PAGES:
        return guest && !capabilities.guestTranslation ? 'illegal' : this.#invalidateIotlbPages();
      case Opcode.INVALIDATE_INTERRUPT_TABLE:
        // No interrupt remapping, no cached table entries.
        return 'done';
      case Opcode.PREFETCH_IOMMU_PAGES:
        // A hint. Doing nothing is always right.
        return capabilities.prefetch ? 'done' : 'illegal';
      case Opcode.COMPLETE_PPR_REQUEST:
        return capabilities.pageRequests ? this.#completePageRequest() : 'illegal';
      default:
        if (!capabilities.invalidateAll) return 'illegal';
        this.#counters.invalidatedEntries += this.#caches.clear();
        return 'done';
    }
  }

  /** Everything before it has completed: commands run one after the other, whatever F says. */
  #completionWait(): CommandEnd {
    const words = this.#words;
    if (waitField.S.of(words, 0) !== 0) {
      const memory = this.#memory;
      memory.deviceWriting = true;
      memory.store64(words[1]! & 0xf_ffff, words[0]! & ~7, words[3]!, words[2]!);
      memory.deviceWriting = false;
    }
    if (waitField.I.of(words, 0) !== 0) {
      const registers = this.#registers;
      registers.set(Register.STATUS, registers.get(Register.STATUS) | COM_WAIT_INT);
      if ((registers.get(Register.CONTROL) & COM_WAIT_INT_EN) !== 0) this.#ports.interrupt('completion-wait');
    }
    return 'done';
  }

  #invalidatePages(): CommandEnd {
    const words = this.#words;
    const pasid = pages.GN.of(words, 0) !== 0 ? pages.PASID.of(words, 0) : HOST_TAG;
    const range = rangeOf(words[3]!, words[2]!);
    const directories = pages.PDE.of(words, 0) !== 0;
    this.#counters.invalidatedEntries += this.#caches.dropPages(
      pages.DOMAIN_ID.of(words, 0),
      pasid,
      range,
      directories,
    );
    return 'done';
  }

  #invalidateIotlbPages(): CommandEnd {
    const words = this.#words;
    const hasPasid = iotlb.GN.of(words, 0) !== 0;
    const pasid = hasPasid ? (iotlb.PASID_15_8.of(words, 0) << 8) | iotlb.PASID_7_0.of(words, 0) : HOST_TAG;
    const range = rangeOf(words[3]!, words[2]!);
    const isAnswered = this.#ports.invalidateDeviceTlb(iotlb.DEVICE_ID.of(words, 0), pasid, range);
    return isAnswered ? 'done' : 'iotlb-timeout';
  }

  #completePageRequest(): CommandEnd {
    const words = this.#words;
    const pasid = ppr.GN.of(words, 0) !== 0 ? ppr.PASID.of(words, 0) : HOST_TAG;
    this.#ports.completePageRequest(ppr.DEVICE_ID.of(words, 0), pasid, ppr.TAG.of(words, 0), ppr.STATUS.of(words, 0));
    return 'done';
  }
}
