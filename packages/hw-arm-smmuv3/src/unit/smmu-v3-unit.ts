import {
  Access,
  FrontedUnit,
  NO_PASID,
  PrgResponseCode,
  RegisterFile,
  type PageGroupResponse,
  type PageRequestMessage,
  type PageRequestResult,
  type PhysicalMemory,
  type RegisterSink,
  type TranslationUnit,
  type TranslationWalk,
  type UnitObserver,
} from '@ioasis/core';
import { MMIO_BYTES, Register } from '../layouts/register-offsets.js';
import { CR0, GBPA, GERROR, IDR5, IRQ_CTRL } from '../layouts/registers.js';
import { STE } from '../layouts/stream-table.js';
import { smmuV3Configuration, type SmmuV3Configuration, type SmmuV3Options } from '../options.js';
import { CommandProcessor } from './command-processor.js';
import { EVENT_QUEUE, OutputQueue, type EventResult } from './event-queue.js';
import { EventRecorder } from './event-recorder.js';
import { Explainer } from './explainer.js';
import { GuardedRegisters } from './guarded-registers.js';
import { Hook, REGISTER_ALIASES, registerDefinitions } from './register-definitions.js';
import { Observation } from './observation.js';
import { Request } from './request.js';
import { PageRequestQueue } from './page-request-queue.js';
import { RequestPath, type Passage } from './request-path.js';
import { RequestStreams } from './request-streams.js';
import { StageWalkers } from './stage-walkers.js';
import { StalledTransactions } from './stalled-transactions.js';
import { StructureReader } from './structure-reader.js';
import { TlbInvalidation } from './tlb-invalidation.js';
import { UnitCaches } from './unit-caches.js';
import { NO_PORTS, type InterruptSource, type UnitPorts } from './unit-ports.js';

/** What a unit is made from. */
export interface SmmuV3UnitEnvironment {
  readonly memory: PhysicalMemory;
  readonly options?: SmmuV3Options;
  readonly ports?: UnitPorts;
}

const SMMUEN = Number(CR0.mask('SMMUEN'));
const CMDQEN = Number(CR0.mask('CMDQEN'));
const EVENTQEN = Number(CR0.mask('EVENTQEN'));
const PRIQEN = Number(CR0.mask('PRIQEN'));
const ATSCHK = Number(CR0.mask('ATSCHK'));
const VMW = Number(CR0.mask('VMW'));
const GBPA_UPDATE = Number(GBPA.mask('UPDATE')) | 0;
const CMDQ_ERR = Number(GERROR.mask('CMDQ_ERR'));
const EVENTQ_ABT_ERR = Number(GERROR.mask('EVENTQ_ABT_ERR'));
const PRIQ_ABT_ERR = Number(GERROR.mask('PRIQ_ABT_ERR'));
/** PRIQ_IRQ_CFG2.LO. */
const LAST_ONLY = 1 << 31;
/** Which error an MSI that meets no memory is, by its source. */
const MSI_ERROR: Readonly<Record<InterruptSource, number>> = {
  gerror: Number(GERROR.mask('MSI_GERROR_ABT_ERR')),
  eventq: Number(GERROR.mask('MSI_EVENTQ_ABT_ERR')),
  priq: Number(GERROR.mask('MSI_PRIQ_ABT_ERR')),
  sync: Number(GERROR.mask('MSI_CMDQ_ABT_ERR')),
};

/** An Arm SMMUv3: knows memory and MMIO, nothing of any driver (IHI 0070). */
export class SmmuV3Unit extends FrontedUnit implements TranslationUnit, RegisterSink {
  readonly configuration: SmmuV3Configuration;
  readonly caches: UnitCaches;
  readonly reader: StructureReader;
  readonly #memory: PhysicalMemory;
  readonly #registers: RegisterFile;
  readonly #ports: UnitPorts;
  readonly #events: OutputQueue;
  readonly #pageRequests: PageRequestQueue;
  readonly #path: RequestPath;
  readonly #streams: RequestStreams;
  readonly #explainer: Explainer;
  readonly #commands: CommandProcessor;
  readonly #stalled: StalledTransactions;
  readonly #observation: Observation;
  readonly #cr0Bits: number;
  readonly #guarded: GuardedRegisters;
  /** Errors that the unit raised in GERROR and software has not acknowledged in GERRORN. */
  #activeErrors = 0;
  /** Count of translations at the last one that the front left to the path. */
  #ownCount = 0;
  /** GBPA as last updated. */
  #gbpa = 0;

  /** @throws RangeError for wrong options */
  constructor(environment: SmmuV3UnitEnvironment) {
    super();
    const { memory, ports = NO_PORTS } = environment;
    const configuration = smmuV3Configuration(environment.options);
    const { capabilities } = configuration;
    this.configuration = configuration;
    this.#memory = memory;
    this.#ports = ports;
    this.#registers = new RegisterFile(MMIO_BYTES, registerDefinitions(capabilities), this, REGISTER_ALIASES);
    this.#guarded = new GuardedRegisters(this.#registers);
    this.#cr0Bits =
      SMMUEN |
      CMDQEN |
      EVENTQEN |
      (capabilities.pri ? PRIQEN : 0) |
      (capabilities.ats ? ATSCHK : 0) |
      (capabilities.vmidWildcards ? VMW : 0);
    this.#events = new OutputQueue(memory, this.#registers, EVENT_QUEUE, {
      log2Max: capabilities.eventQueueMax,
      isBroken: () => this.#isActive(EVENTQ_ABT_ERR),
    });
    const sink = {
      isBroken: () => this.#isActive(PRIQ_ABT_ERR),
      overflowAnswer: (request: PageRequestMessage) => this.#overflowAnswer(request),
      respond: (response: PageGroupResponse) => this.endpoints.get(response.requesterId)?.pageGroupResponse(response),
      appended: (result: EventResult | 'abort', last: boolean) => this.#pageRequestAppended(result, last),
    };
    this.#pageRequests = new PageRequestQueue(memory, this.#registers, sink, capabilities.priQueueMax);
    this.caches = new UnitCaches(configuration.caches);
    const stallMax = Number(IDR5.get(BigInt(capabilities.registers.idr5 >>> 0), 'STALL_MAX'));
    this.#stalled = new StalledTransactions(stallMax);
    this.reader = new StructureReader(memory, capabilities.coherent);
    const request = new Request();
    this.#observation = new Observation(request);
    const parts = {
      memory,
      configuration,
      registers: this.#registers,
      caches: this.caches,
      counters: this.counters,
      translation: this.translation,
      request,
      recorder: new EventRecorder(this.#events, request, (result, stall) => this.#eventAppended(result, stall)),
      stalled: this.#stalled,
      reader: this.reader,
      walkers: new StageWalkers(memory, capabilities, true),
      observation: this.#observation,
    };
    this.#path = new RequestPath(parts);
    const { tlb: iotlb, streams, contexts } = this.caches;
    this.front.connect({ iotlb, structures: [streams, contexts] });
    this.#streams = new RequestStreams(this.front, this.caches, capabilities.reportsConflicts);
    this.#explainer = new Explainer(parts, this.#path);
    this.#commands = new CommandProcessor(
      memory,
      this.#registers,
      capabilities,
      this.caches,
      new TlbInvalidation(this.caches, capabilities, this.#observation, this.#registers),
      this.#stalled,
      this.counters,
      ports,
      this.endpoints,
      this.#observation,
      (hi, lo, data) => this.#sendMessage('sync', hi, lo, data),
      () => this.#raiseGerror(CMDQ_ERR),
      () => this.#isActive(CMDQ_ERR),
      () => this.#path.enabled,
    );
    this.reset();
  }

  /** Who is told what the unit does; null: nobody. */
  get observer(): UnitObserver | null {
    return this.#observation.observer;
  }

  set observer(observer: UnitObserver | null) {
    this.#observation.observer = observer;
    this.front.isWatched = observer !== null;
  }

  get mmioBytes(): number {
    return MMIO_BYTES;
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

  reset(): void {
    this.#registers.reset();
    this.caches.clear();
    this.#commands.reset();
    this.#stalled.clear();
    this.#events.enabled = false;
    this.#pageRequests.enabled = false;
    this.#gbpa = this.#registers.get(Register.GBPA);
    this.#guarded.clear();
    this.#activeErrors = 0;
    this.#path.enabled = false;
    this.front.forget();
  }

  step(limit: number = Number.MAX_SAFE_INTEGER): number {
    return this.configuration.completion === 'stepped' ? this.#commands.run(limit) : 0;
  }

  registerWritten(hook: number): void {
    const registers = this.#registers;
    switch (hook) {
      case Hook.CR0:
        this.#applyCr0();
        return;
      case Hook.GBPA: {
        // A write without UPDATE changes nothing; an update takes effect at once, so that UPDATE reads 0 (IHI 0070 6.3.14).
        const value = registers.get(Register.GBPA);
        if ((value & GBPA_UPDATE) !== 0) this.#gbpa = value & ~GBPA_UPDATE;
        registers.set(Register.GBPA, this.#gbpa);
        return;
      }
      case Hook.IRQ_CTRL:
        registers.set(Register.IRQ_CTRLACK, registers.get(Register.IRQ_CTRL));
        return;
      case Hook.GERRORN:
        this.#acknowledgeErrors();
        this.#retryDeferred();
        this.#runCommands();
        return;
      case Hook.CMDQ_PROD:
        this.#runCommands();
        return;
      case Hook.EVENTQ_CONS:
        this.#retryDeferred();
        return;
      default:
        this.#guarded.written(hook - Hook.GUARDED);
        return;
    }
  }

  #applyCr0(): void {
    const registers = this.#registers;
    const value = registers.get(Register.CR0) & this.#cr0Bits;
    registers.set(Register.CR0, value);
    registers.set(Register.CR0ACK, value);
    this.#path.enabled = (value & SMMUEN) !== 0;
    // Nothing stays stalled while translation is off (IHI 0070 6.3.9.6).
    if (!this.#path.enabled) {
      for (const [stream, tag] of this.#stalled.terminateAll()) this.#ports.resume(stream, tag, 'abort');
    }
    this.front.forget();
    this.#events.enabled = (value & EVENTQEN) !== 0;
    this.#pageRequests.enabled = (value & PRIQEN) !== 0 && this.#path.enabled;
    this.#commands.enabled = (value & CMDQEN) !== 0;
    this.#retryDeferred();
    this.#runCommands();
  }

  #runCommands(): void {
    if (this.configuration.completion === 'immediate') this.#commands.run(Number.MAX_SAFE_INTEGER);
    this.#guarded.changed(Register.CMDQ_CONS);
  }

  #isActive(error: number): boolean {
    return (this.#activeErrors & error) !== 0;
  }

  /** Software cannot make errors active: it is open what toggling GERRORN of an inactive one does (IHI 0070 6.3.20), and here nothing. */
  #acknowledgeErrors(): void {
    const registers = this.#registers;
    this.#activeErrors &= registers.get(Register.GERROR) ^ registers.get(Register.GERRORN);
  }

  /** Makes GERROR differ from GERRORN for an error that is not active yet (IHI 0070 7.5). */
  #raiseGerror(error: number): void {
    if (this.#isActive(error)) return;
    const registers = this.#registers;
    this.#activeErrors |= error;
    registers.set(
      Register.GERROR,
      (registers.get(Register.GERROR) & ~error) | (~registers.get(Register.GERRORN) & error),
    );
    // A message about a message that was lost could be lost too (7.5.1).
    if (error === MSI_ERROR.gerror) return;
    this.#interrupt('gerror', 'GERROR_IRQEN', Register.GERROR_IRQ_CFG0);
  }

  #eventAppended(result: EventResult | 'abort', stall: number | undefined): void {
    if (stall !== undefined && result !== 'recorded') this.#stalled.defer(stall);
    this.#guarded.changed(Register.EVENTQ_PROD);
    if (result === 'abort') this.#raiseGerror(EVENTQ_ABT_ERR);
    if (result === 'recorded' && this.#events.wasEmpty)
      this.#interrupt('eventq', 'EVENTQ_IRQEN', Register.EVENTQ_IRQ_CFG0);
  }

  /** Stalled transactions without an event come again when there is room for one (IHI 0070 3.12.2, 7.2.1). */
  #retryDeferred(): void {
    if (!this.#stalled.hasDeferred || !this.#events.isWritable) return;
    for (const [stream, tag] of this.#stalled.retryDeferred()) this.#ports.resume(stream, tag, 'retry');
  }

  /** With PASID where the unit always does (IDR3.PPS) or the stream's entry says so; without such an entry the group fails (IHI 0070 8.1). */
  #overflowAnswer({ requesterId, pasid }: PageRequestMessage): Pick<PageGroupResponse, 'pasid' | 'code'> {
    const success = { pasid, code: PrgResponseCode.SUCCESS };
    if (pasid === undefined || this.configuration.capabilities.answersWithPasid) return success;
    const { steps, fault } = this.explain(requesterId, NO_PASID, 0n, Access.READ);
    const entry = steps.find(({ what }) => what === STE.name);
    if (entry === undefined || fault?.name === 'C_BAD_STE') return { pasid: undefined, code: PrgResponseCode.FAILURE };
    return entry.fields['PPAR'] === 1n ? success : { ...success, pasid: undefined };
  }

  /** PRIQ_IRQ_CFG2.LO: the interrupt is for last messages, those that overflow too, and not for the end of emptiness. */
  #pageRequestAppended(result: EventResult | 'abort', last: boolean): void {
    this.#guarded.changed(Register.PRIQ_PROD);
    if (result === 'abort') this.#raiseGerror(PRIQ_ABT_ERR);
    const isForLast = (this.#registers.get(Register.PRIQ_IRQ_CFG2) & LAST_ONLY) !== 0;
    const isDue = isForLast
      ? last && (result === 'recorded' || result === 'overflow')
      : result === 'recorded' && this.#pageRequests.wasEmpty;
    if (isDue) this.#interrupt('priq', 'PRIQ_IRQEN', Register.PRIQ_IRQ_CFG0);
  }

  #interrupt(source: InterruptSource, enable: 'GERROR_IRQEN' | 'EVENTQ_IRQEN' | 'PRIQ_IRQEN', config: number): void {
    const registers = this.#registers;
    if ((registers.get(Register.IRQ_CTRL) & Number(IRQ_CTRL.mask(enable))) === 0) return;
    const hi = registers.get(config + 4);
    const lo = registers.get(config);
    if (!this.configuration.capabilities.msi || (hi === 0 && lo === 0)) {
      this.#ports.interrupt(source);
      return;
    }
    this.#sendMessage(source, hi, lo, registers.get(config + 8));
  }

  /** An MSI. What meets no memory is an error of its own (IHI 0070 3.18.1). */
  #sendMessage(source: InterruptSource, hi: number, lo: number, data: number): void {
    this.#memory.deviceWriting = true;
    this.#memory.store32(hi, lo, data);
    this.#memory.deviceWriting = false;
    if (this.#memory.aborted) this.#raiseGerror(MSI_ERROR[source]);
  }

  /** A device asks for pages. Without PRI in IDR0 the queue is never on, and every group fails. */
  requestPage(request: PageRequestMessage): PageRequestResult {
    return this.#pageRequests.append(request);
  }

  protected override translateLonger(
    requesterId: number,
    pasid: number,
    iovaHi: number,
    iovaLo: number,
    access: number,
  ): boolean {
    const isAllowed = this.#path.translate(requesterId, pasid, iovaHi, iovaLo, access);
    this.#ownCount = this.counters.translations;
    if (isAllowed && this.#path.passage === 'translated') this.#streams.remember(requesterId, pasid);
    return isAllowed;
  }

  /** How the last request that was not refused passed. */
  get passage(): Passage {
    return this.counters.translations === this.#ownCount ? this.#path.passage : 'translated';
  }

  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    return this.#explainer.explain(requesterId, pasid, iova, access);
  }
}
