import {
  Access,
  join64,
  NO_PASID,
  RadixWalker,
  RegisterFile,
  Translation,
  UnitCounters,
  type PhysicalMemory,
  type TranslationUnit,
  type TranslationWalk,
  type UnitObserver,
} from '@ioasis/core';
import { firstStageFormat } from '../format/first-stage.js';
import type { CauseName } from '../layouts/fault-record.js';
import { PTE } from '../layouts/page-table-entry.js';
import { DDTP, DirectoryMode, MMIO_BYTES, Register } from '../layouts/registers.js';
import { riscvConfiguration, type RiscvIommuConfiguration, type RiscvIommuOptions } from '../options.js';
import { CommandProcessor } from './command-processor.js';
import { DeviceDirectory, type DeviceContext } from './device-directory.js';
import { Explainer } from './explain.js';
import { causeOfStop, faultOf, faultRecord, isSilencedBy, Request } from './fault.js';
import { FaultQueue } from './fault-queue.js';
import { Hook, registerDefinitions } from './register-definitions.js';
import { HOST, UnitCaches } from './unit-caches.js';

const RIGHTS = Access.READ | Access.WRITE | Access.EXECUTE;
const MODE = Number(DDTP.mask('MODE'));
const GLOBAL = Number(PTE.mask('G'));

/** What a unit runs on. */
export interface RiscvIommuEnvironment {
  readonly memory: PhysicalMemory;
  readonly options?: RiscvIommuOptions;
  /** The unit's interrupt: ipsr says why. */
  readonly interrupt?: () => void;
}

/** A RISC-V IOMMU: registers, directory walk, first stage, caches, queues. It knows memory and registers, nothing of a driver. */
export class RiscvIommuUnit implements TranslationUnit {
  readonly mmioBytes = MMIO_BYTES;
  readonly translation = new Translation();
  readonly counters = new UnitCounters();
  readonly configuration: RiscvIommuConfiguration;
  observer: UnitObserver | null = null;
  readonly #registers: RegisterFile;
  readonly #directory: DeviceDirectory;
  /** Walks of contexts with SADE, and without. */
  readonly #updating: RadixWalker;
  readonly #faulting: RadixWalker;
  readonly #caches: UnitCaches;
  readonly #commands: CommandProcessor;
  readonly #faults: FaultQueue;
  readonly #explainer: Explainer;
  readonly #request = new Request();
  /** ddtp before the write that is being handled. */
  #ddtpHi = 0;
  #ddtpLo = 0;

  /** @throws RangeError for wrong options */
  constructor({ memory, options, interrupt = () => undefined }: RiscvIommuEnvironment) {
    const configuration = riscvConfiguration(options);
    const format = firstStageFormat(true);
    this.configuration = configuration;
    this.#registers = new RegisterFile(MMIO_BYTES, registerDefinitions(configuration), {
      registerWritten: (hook) => this.#written(hook),
    });
    this.#directory = new DeviceDirectory(memory, this.#registers, format, configuration);
    this.#updating = new RadixWalker({ memory, format, accessed: 'set', setDirty: true });
    this.#faulting = new RadixWalker({ memory, format: firstStageFormat(false), accessed: 'fault' });
    this.#caches = new UnitCaches(configuration, this.counters);
    this.#faults = new FaultQueue(memory, this.#registers, interrupt);
    this.#commands = new CommandProcessor(memory, this.#registers, {
      executing: (command, words) => this.observer?.executing(command, words),
      dropPages: (invalidation) => this.#caches.dropPages(invalidation, this.observer),
      dropContexts: (deviceId) => this.#caches.dropContexts(deviceId, this.observer),
      interrupt,
    });
    this.#explainer = new Explainer(memory, this.#registers, configuration);
  }

  read32(offset: number): number {
    return this.#registers.read32(offset);
  }

  write32(offset: number, value: number): void {
    this.#registers.write32(offset, value);
  }

  write64(offset: number, hi: number, lo: number): void {
    this.#registers.write64(offset, hi, lo);
  }

  /** "Process to translate an IOVA"; the numbers are its steps. */
  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const request = this.#request;
    request.deviceId = requesterId;
    request.pasid = pasid;
    request.iovaHi = iovaHi;
    request.iovaLo = iovaLo;
    request.access = access;
    this.counters.translations++;
    // 1, 2. Off stops everything, Bare lets untranslated requests pass.
    const mode = this.#registers.get(Register.DDTP) & MODE;
    if (mode === DirectoryMode.OFF) return this.#refuse('ALL_INBOUND_DISALLOWED', false);
    const isPlain = (access & (Access.TRANSLATION_REQUEST | Access.TRANSLATED)) === 0;
    if (mode === DirectoryMode.BARE) {
      return isPlain ? this.#pass(iovaHi, iovaLo) : this.#refuse('TRANSACTION_TYPE_DISALLOWED', false);
    }
    // 3 to 6. Base format, the device id's width, the device context.
    const context = this.#contextOf(requesterId);
    if (typeof context === 'string') return this.#refuse(context, false);
    // 7. No context of this unit allows ATS or process ids.
    if (!isPlain || pasid !== NO_PASID) return this.#refuse('TRANSACTION_TYPE_DISALLOWED', context.silent);
    if (context.root === null) return this.#pass(iovaHi, iovaLo);
    // 10, 17. The first stage of the context, by way of the IOATC.
    const wanted = access & RIGHTS;
    const { iotlb } = this.#caches;
    if (iotlb.lookup(iovaHi, iovaLo, HOST, context.pscid) && (wanted & ~iotlb.permissions) === 0) {
      this.counters.iotlbHits++;
      return this.#answer(iotlb.paHi, iotlb.paLo, iotlb.pageShift, iotlb.permissions);
    }
    this.counters.iotlbMisses++;
    const walker = context.hardwareDirty ? this.#updating : this.#faulting;
    const isFound = walker.walk(context.root, iovaHi, iovaLo, wanted);
    this.counters.walkReads += walker.reads;
    if (!isFound) return this.#refuse(causeOfStop(walker.stop, access), context.silent);
    this.#keep(requesterId, iovaHi, iovaLo, context.pscid, walker);
    return this.#answer(walker.paHi, walker.paLo, walker.pageShift, walker.permissions(false));
  }

  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    return this.#explainer.explain(requesterId, pasid, iova, access);
  }

  step(limit: number = Number.MAX_SAFE_INTEGER): number {
    if (this.configuration.completion === 'immediate') return 0;
    return this.#run(limit);
  }

  reset(): void {
    this.#registers.reset();
    this.#caches.clear();
    this.#ddtpHi = 0;
    this.#ddtpLo = 0;
    this.#commands.configure();
    this.#faults.configure();
  }

  #contextOf(deviceId: number): DeviceContext | CauseName {
    const cached = this.#caches.contexts.find(deviceId, NO_PASID);
    if (cached !== null) return cached;
    const located = this.#directory.locate(deviceId);
    this.counters.walkReads += this.#directory.reads;
    if (located.kind === 'fault') return located.cause;
    this.#caches.contexts.insert(deviceId, NO_PASID, located);
    this.observer?.filled({
      cache: 'structure',
      requesterId: deviceId,
      pasid: NO_PASID,
      tags: { requester: deviceId },
      range: undefined,
      pa: undefined,
    });
    return located;
  }

  #keep(requesterId: number, iovaHi: number, iovaLo: number, pscid: number, walker: RadixWalker): void {
    const { paHi, paLo, pageShift } = walker;
    const isGlobal = (walker.entryLo & GLOBAL) !== 0;
    const rights = walker.permissions(false);
    const { iotlb } = this.#caches;
    if (iotlb.insert(iovaHi, iovaLo, pageShift, HOST, pscid, paHi, paLo, rights, 0, isGlobal) < 0) return;
    if (this.observer === null) return;
    const offset = (1n << BigInt(pageShift)) - 1n;
    const start = join64(iovaHi, iovaLo) & ~offset;
    this.observer.filled({
      cache: 'iotlb',
      requesterId,
      pasid: NO_PASID,
      tags: isGlobal ? {} : { pscid },
      range: { start, last: start | offset },
      pa: join64(paHi, paLo) & ~offset,
    });
  }

  #pass(iovaHi: number, iovaLo: number): true {
    return this.#answer(iovaHi, iovaLo, 12, RIGHTS);
  }

  #answer(paHi: number, paLo: number, pageShift: number, permissions: number): true {
    const { translation } = this;
    translation.paHi = paHi;
    translation.paLo = paLo;
    translation.pageShift = pageShift;
    translation.permissions = permissions;
    return true;
  }

  /** @param silent the context's DTF; false while there is no context */
  #refuse(cause: CauseName, silent: boolean): false {
    const request = this.#request;
    this.counters.faults++;
    const record = faultRecord(cause, request);
    const recorded = isSilencedBy(cause, silent) ? 'suppressed' : this.#faults.append(record);
    const fault = faultOf(cause, request, recorded, record);
    this.translation.fault = fault;
    this.observer?.faulted(fault);
    return false;
  }

  #written(hook: number): void {
    switch (hook) {
      case Hook.DDTP:
        this.#setDirectory();
        return;
      case Hook.CQB:
        this.#commands.configure();
        return;
      case Hook.CQCSR:
        this.#commands.control();
        this.#runAtOnce();
        return;
      case Hook.CQT:
        this.#commands.moveTail();
        this.#runAtOnce();
        return;
      case Hook.FQB:
        this.#faults.configure();
        return;
      case Hook.FQH:
        this.#faults.moveHead();
        return;
      case Hook.FQCSR:
        this.#faults.control();
    }
  }

  /** ddtp.MODE takes modes that the unit has; a write of another one changes nothing. */
  #setDirectory(): void {
    const mode = this.#registers.get(Register.DDTP) & MODE;
    if (mode > DirectoryMode.LEVEL_1 + this.configuration.directoryLevels - 1) {
      this.#registers.set(Register.DDTP, this.#ddtpLo);
      this.#registers.set(Register.DDTP + 4, this.#ddtpHi);
      return;
    }
    this.#ddtpLo = this.#registers.get(Register.DDTP);
    this.#ddtpHi = this.#registers.get(Register.DDTP + 4);
  }

  #runAtOnce(): void {
    if (this.configuration.completion === 'immediate') this.#run(Number.MAX_SAFE_INTEGER);
  }

  #run(limit: number): number {
    const ran = this.#commands.run(limit);
    this.counters.commands += ran;
    return ran;
  }
}
