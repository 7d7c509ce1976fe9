import {
  FrontedUnit,
  NO_PASID,
  RegisterFile,
  type PageRequestMessage,
  type PageRequestResult,
  type PhysicalMemory,
  type RegisterSink,
  type TranslationUnit,
  type TranslationWalk,
  type UnitObserver,
} from '@ioasis/core';
import { MMIO_BYTES, Register } from '../layouts/register-offsets.js';
import { CONTROL, STATUS, type ControlField } from '../layouts/registers.js';
import { amdViConfiguration, type AmdViConfiguration, type AmdViOptions } from '../options.js';
import { CommandProcessor } from './command-processor.js';
import { DeviceTable } from './device-table.js';
import { DeviceTablePlace } from './device-table-place.js';
import { Explainer } from './explainer.js';
import { PageRequests } from './page-requests.js';
import { Hook, registerDefinitions } from './register-definitions.js';
import { RequestPath } from './request-path.js';
import { RequestStreams } from './request-streams.js';
import { HYPER_TRANSPORT_WINDOW, INTERRUPT_WINDOW } from './special-ranges.js';
import { TranslationCaches } from './translation-caches.js';
import { UnitControl } from './unit-control.js';
import { EVENT_LOG, PPR_LOG, UnitLog } from './unit-log.js';
import { Watch } from './watch.js';

/** Sources of the unit's interrupts. */
export type InterruptSource = 'event-log' | 'completion-wait' | 'ppr-log';

/** What a unit is made from. */
export interface AmdViUnitEnvironment {
  readonly memory: PhysicalMemory;
  readonly options?: AmdViOptions;
  /** Where the unit's interrupts go; they are lost without it. */
  readonly interrupt?: (source: InterruptSource) => void;
}

const control = (field: ControlField): bigint => CONTROL.mask(field);
const COMMANDS_RUN = control('IOMMU_EN') | control('CMD_BUF_EN');
const EVENTS_RUN = control('IOMMU_EN') | control('EVENT_LOG_EN');
const PPR_RUN = control('IOMMU_EN') | control('PPR_LOG_EN');

/** An AMD IOMMU: knows memory and MMIO, nothing of any driver (48882). */
export class AmdViUnit extends FrontedUnit implements TranslationUnit, RegisterSink {
  readonly mmioBytes: number = MMIO_BYTES;
  readonly configuration: AmdViConfiguration;
  readonly deviceTable: DeviceTable;
  /** All caches, for tests and checkers. */
  readonly caches: TranslationCaches;
  readonly #registers: RegisterFile;
  readonly #watch = new Watch();
  readonly #control = new UnitControl();
  readonly #place: DeviceTablePlace;
  readonly #events: UnitLog;
  readonly #pprLog: UnitLog;
  readonly #commands: CommandProcessor;
  readonly #path: RequestPath;
  readonly #streams: RequestStreams;
  readonly #pageRequests: PageRequests;
  readonly #explainer: Explainer;

  /** @throws RangeError for wrong options */
  constructor(environment: AmdViUnitEnvironment) {
    super();
    const { memory, interrupt = () => undefined } = environment;
    const configuration = amdViConfiguration(environment.options);
    const { capabilities } = configuration;
    this.configuration = configuration;
    this.#registers = new RegisterFile(MMIO_BYTES, registerDefinitions(capabilities), this);
    const registers = this.#registers;
    const raise = (enable: ControlField, source: InterruptSource) => (): void => {
      if ((this.#controlValue() & control(enable)) !== 0n) interrupt(source);
    };
    this.#events = new UnitLog(memory, registers, EVENT_LOG, raise('EVENT_INT_EN', 'event-log'));
    this.#pprLog = new UnitLog(memory, registers, PPR_LOG, raise('PPR_INT_EN', 'ppr-log'));
    this.#place = new DeviceTablePlace(capabilities);
    this.deviceTable = new DeviceTable(memory, capabilities, this.#place, configuration.dteFetchBits);
    this.caches = new TranslationCaches(configuration.caches, this.#watch);
    this.#path = new RequestPath({
      memory,
      configuration,
      registers,
      control: this.#control,
      deviceTable: this.deviceTable,
      caches: this.caches,
      counters: this.counters,
      translation: this.translation,
      events: this.#events,
      watch: this.#watch,
      isLive: true,
    });
    const { iotlb, devices } = this.caches;
    this.front.connect({
      iotlb,
      structures: [devices],
      window: INTERRUPT_WINDOW,
      highWindow: HYPER_TRANSPORT_WINDOW,
    });
    this.#streams = new RequestStreams(this.front, this.caches, this.#control, registers, this.#path);
    this.#pageRequests = new PageRequests(registers, capabilities, this.#path, this.#pprLog);
    this.#commands = new CommandProcessor({
      memory,
      registers,
      capabilities,
      caches: this.caches,
      events: this.#events,
      counters: this.counters,
      watch: this.#watch,
      endpoints: this.endpoints,
      completionWaitInterrupt: raise('COM_WAIT_INT_EN', 'completion-wait'),
    });
    this.#explainer = new Explainer(memory, configuration, registers, this.#control, this.#place);
    this.#place.reset();
  }

  get observer(): UnitObserver | null {
    return this.#watch.observer;
  }

  set observer(observer: UnitObserver | null) {
    this.#watch.observer = observer;
    this.front.isWatched = observer !== null;
  }

  protected override translateLonger(
    requesterId: number,
    pasid: number,
    iovaHi: number,
    iovaLo: number,
    access: number,
  ): boolean {
    this.counters.translations++;
    const isAllowed = this.#path.translate(requesterId, pasid, iovaHi, iovaLo, access);
    if (isAllowed && pasid === NO_PASID) this.#streams.remember(requesterId);
    return isAllowed;
  }

  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    return this.#explainer.explain(requesterId, pasid, iova, access);
  }

  step(limit: number = Number.MAX_SAFE_INTEGER): number {
    return this.configuration.completion === 'stepped' ? this.#commands.run(limit) : 0;
  }

  reset(): void {
    this.#registers.reset();
    this.caches.reset();
    this.front.forget();
    this.#place.reset();
    this.#events.reset();
    this.#pprLog.reset();
    this.#commands.reset();
    this.#control.enabled = false;
    this.#control.guestTables = false;
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

  registerWritten(hook: number): void {
    switch (hook) {
      case Hook.EXCLUSION:
        return this.front.forget();
      case Hook.DEVICE_TABLE:
        return this.#placeWritten(0, Register.DEVICE_TABLE_BASE);
      case Hook.COMMAND_BASE:
        return this.#resetPointers(Register.COMMAND_BUFFER_HEAD, Register.COMMAND_BUFFER_TAIL);
      case Hook.EVENT_BASE:
        return this.#resetPointers(Register.EVENT_LOG_HEAD, Register.EVENT_LOG_TAIL);
      case Hook.PPR_BASE:
        return this.#resetPointers(Register.PPR_LOG_HEAD, Register.PPR_LOG_TAIL);
      case Hook.CONTROL:
        return this.#controlWritten();
      case Hook.COMMAND_TAIL:
        return this.#runCommands();
      default: {
        const index = hook - Hook.SEGMENT;
        return this.#placeWritten(index + 1, Register.DEVICE_TABLE_SEGMENT_1 + 8 * index);
      }
    }
  }

  /** A device's page request message arrives. */
  requestPage(request: PageRequestMessage): PageRequestResult {
    const { requesterId, pasid, groupIndex } = request;
    return this.#pageRequests.arrive(request, (code) =>
      this.endpoints.get(requesterId)?.pageGroupResponse({ requesterId, pasid, groupIndex, code }),
    );
  }

  /** Status bits by name, for tests and dumps. */
  get status(): Record<string, bigint> {
    return STATUS.decode(BigInt(this.#registers.get(Register.STATUS) >>> 0));
  }

  #placeWritten(segment: number, offset: number): void {
    this.#place.configure(segment, this.#registers.get(offset + 4), this.#registers.get(offset));
  }

  /** A new base starts an empty ring (48882 3.4.13); a running ring stays where it is until it is enabled again. */
  #resetPointers(head: number, tail: number): void {
    this.#registers.set(head, 0);
    this.#registers.set(tail, 0);
  }

  #controlValue(): bigint {
    const registers = this.#registers;
    return (BigInt(registers.get(Register.CONTROL + 4) >>> 0) << 32n) | BigInt(registers.get(Register.CONTROL) >>> 0);
  }

  #controlWritten(): void {
    this.front.forget();
    const value = this.#controlValue();
    const has = (bits: bigint): boolean => (value & bits) === bits;
    this.#control.enabled = has(control('IOMMU_EN'));
    this.#control.guestTables = has(control('GT_EN'));
    this.#place.enableSegments(Number(CONTROL.get(value, 'DEV_TBL_SEG_EN')));
    this.#commands.enable(has(COMMANDS_RUN));
    this.#events.enable(has(EVENTS_RUN));
    this.#pprLog.enable(has(PPR_RUN));
    this.#runCommands();
  }

  #runCommands(): void {
    if (this.configuration.completion === 'immediate') this.#commands.run(Number.MAX_SAFE_INTEGER);
  }
}
