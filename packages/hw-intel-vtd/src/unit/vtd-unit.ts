import {
  Access,
  FrontedUnit,
  hi32,
  lo32,
  NO_PASID,
  PrgResponseCode,
  RegisterFile,
  type Clock,
  type PageRequestResult,
  type PhysicalMemory,
  type RegisterSink,
  type TranslationUnit,
  type TranslationWalk,
  type UnitObserver,
} from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import { REGISTER_WINDOW_BYTES, RegisterOffset } from '../layouts/register-offsets.js';
import { decodeVtdOptions, type VtdConfiguration, type VtdOptions } from '../options.js';
import { DescriptorType } from '../layouts/descriptors.js';
import type { Descriptor } from './descriptor.js';
import { invalidatedRange } from './invalidated-range.js';
import { EventMessage, type MessageSink } from './event-message.js';
import { Explainer } from './explainer.js';
import { FaultLog } from './fault-log.js';
import { GlobalCommand } from './global-command.js';
import { InvalidationQueue, type DescriptorEnd, type DescriptorSink } from './invalidation-queue.js';
import { PageRequestQueue, type VtdPageRequest } from './page-requests.js';
import { RegisterInvalidation } from './register-invalidation.js';
import { Hook, vtdRegisters } from './registers.js';
import { RequestPath } from './request-path.js';
import { RequestStreams } from './request-streams.js';
import { UnitCaches } from './unit-caches.js';
import { UnitWatch } from './unit-watch.js';

/** What a unit is made from. */
export interface VtdUnitParts {
  readonly memory: PhysicalMemory;
  /** Default: the preset `qemu-q35-48bit` with caches. */
  readonly options?: VtdOptions;
  /** Stamps cache entries when provenance is kept. */
  readonly clock?: Clock;
  /** Where the unit's own interrupts go; they are lost without it. */
  readonly interrupts?: MessageSink;
}

/** An Intel VT-d remapping unit, hardware half: registers, walks, caches, queue, faults. */
export class VtdUnit extends FrontedUnit implements TranslationUnit, RegisterSink, DescriptorSink {
  readonly mmioBytes: number = REGISTER_WINDOW_BYTES;
  readonly configuration: VtdConfiguration;
  /** All caches, for tests and checkers. */
  readonly caches: UnitCaches;

  readonly #watch = new UnitWatch();
  readonly #registers: RegisterFile;
  readonly #faults: FaultLog;
  readonly #faultEvent: EventMessage;
  readonly #invalidationEvent: EventMessage;
  readonly #pageRequestEvent: EventMessage;
  readonly #pageRequests: PageRequestQueue;
  readonly #command: GlobalCommand;
  readonly #queue: InvalidationQueue;
  readonly #registerInvalidation: RegisterInvalidation;
  readonly #path: RequestPath;
  readonly #explainer: Explainer;
  readonly #streams: RequestStreams;

  /** @throws RangeError when the options are wrong; the message names the path, the value and what is allowed */
  constructor(parts: VtdUnitParts) {
    super();
    const decoded = decodeVtdOptions(parts.options ?? {});
    if (isLeft(decoded)) throw new RangeError(decoded.left);
    const configuration = decoded.right;
    const { capabilities } = configuration;
    const { memory } = parts;
    const deliver: MessageSink = parts.interrupts ?? (() => undefined);
    this.configuration = configuration;
    this.#registers = new RegisterFile(REGISTER_WINDOW_BYTES, vtdRegisters(capabilities, configuration.version), this);
    this.#faultEvent = new EventMessage(this.#registers, RegisterOffset.FECTL, deliver);
    this.#invalidationEvent = new EventMessage(this.#registers, RegisterOffset.IECTL, deliver);
    this.#faults = new FaultLog(this.#registers, this.#faultEvent, capabilities);
    this.caches = new UnitCaches(configuration, this.counters, this.front, this.#watch);
    this.#queue = new InvalidationQueue({
      memory,
      registers: this.#registers,
      capabilities,
      faults: this.#faults,
      event: this.#invalidationEvent,
      sink: this,
      watch: this.#watch,
      tableMode: () => this.#command.tableMode,
      counters: this.counters,
      isStepped: configuration.completion === 'stepped',
    });
    this.#command = new GlobalCommand(memory, this.#registers, this.#queue, this.caches, this.#faults, capabilities);
    this.#registerInvalidation = new RegisterInvalidation(this.#registers, this.caches, this.#command, configuration);
    this.#pageRequestEvent = new EventMessage(this.#registers, RegisterOffset.PECTL, deliver);
    this.#pageRequests = new PageRequestQueue(memory, this.#registers, this.#pageRequestEvent);
    this.#path = new RequestPath({
      memory,
      configuration,
      caches: this.caches,
      watch: this.#watch,
      counters: this.counters,
      translation: this.translation,
      faults: this.#faults,
      registers: this.#registers,
      command: this.#command,
      clock: parts.clock,
      isLive: true,
    });
    const { secondStage, firstStage } = this.#path;
    this.#streams = new RequestStreams(this.caches, this.#command, secondStage, firstStage);
    this.#explainer = new Explainer(memory, configuration, this.#registers, this.#command);
  }

  /** Told of fills, invalidations, descriptors and faults; hits in the IOTLB are not among them. */
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
    if (isAllowed) this.#streams.remember(requesterId, pasid);
    return isAllowed;
  }

  explain(requesterId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    return this.#explainer.explain(requesterId, pasid, iova, access);
  }

  step(limit: number = Number.POSITIVE_INFINITY): number {
    return this.configuration.completion === 'stepped' ? this.#queue.run(limit) : 0;
  }

  reset(): void {
    this.#registers.reset();
    this.#command.reset();
    this.#queue.reset();
    this.#faults.reset();
    this.#registerInvalidation.reset();
    this.caches.reset();
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
      case Hook.GCMD:
        return this.#command.written(this.#registers.writtenLo);
      case Hook.CCMD:
        return this.#registerInvalidation.contextCommand(this.#queue.isEnabled);
      case Hook.IVA:
        return this.#registerInvalidation.addressWritten();
      case Hook.IOTLB:
        return this.#registerInvalidation.iotlbCommand(this.#queue.isEnabled);
      case Hook.FRCD:
        return this.#faults.cleared();
      case Hook.FSTS:
        this.#faults.cleared();
        return this.#queue.tailWritten();
      case Hook.FECTL:
        return this.#faultEvent.unmasked();
      case Hook.IECTL:
        return this.#queue.eventWritten();
      case Hook.PECTL:
      case Hook.PRS:
        return this.#pageRequests.eventWritten();
      case Hook.IQT:
        return this.#queue.tailWritten();
      case Hook.PMEN:
        return this.#command.protectedMemoryWritten();
    }
  }

  run(descriptor: Descriptor): DescriptorEnd {
    const { caches } = this;
    const { granularity, domain, addressHi, addressLo, addressMask, leafOnly, pasid } = descriptor;
    this.#command.drainWriteBuffer();
    switch (descriptor.type) {
      case DescriptorType.CONTEXT_CACHE:
        caches.dropContexts(granularity, domain, descriptor.requester, descriptor.functionMask);
        break;
      case DescriptorType.IOTLB:
        caches.dropTranslations(granularity, domain, addressHi, addressLo, addressMask, leafOnly);
        break;
      case DescriptorType.PASID_CACHE:
        caches.dropPasids(granularity, domain, pasid);
        break;
      case DescriptorType.PASID_IOTLB:
        caches.dropPasidTranslations(granularity, domain, pasid, addressHi, addressLo, addressMask, leafOnly);
        break;
      case DescriptorType.DEVICE_TLB:
      case DescriptorType.PASID_DEVICE_TLB:
        return this.#invalidateDevice(descriptor);
      case DescriptorType.PAGE_GROUP_RESPONSE:
        this.#respond(
          descriptor.requester,
          descriptor.hasPasid ? pasid : undefined,
          descriptor.groupIndex,
          descriptor.responseCode,
        );
        break;
    }
    return 'completed';
  }

  /**
   * A device's page request message arrives. One that finds no room is lost; the last of a group is answered with success, so that the
   * device asks again. The last of a refused group is answered with "invalid request".
   */
  requestPage(request: VtdPageRequest): PageRequestResult {
    const { requesterId, pasid, groupIndex, lastInGroup } = request;
    const access = (request.read ? Access.READ : 0) | (request.write ? Access.WRITE : 0);
    const hi = hi32(request.address);
    const reason = this.#path.admitPageRequest(requesterId, pasid ?? NO_PASID, hi, lo32(request.address), access);
    if (reason === 0 && this.#pageRequests.append(request)) return 'queued';
    const code = reason === 0 ? PrgResponseCode.SUCCESS : PrgResponseCode.INVALID_REQUEST;
    if (lastInGroup) this.#respond(requesterId, pasid, groupIndex, code);
    if (reason !== 0) return 'refused';
    return lastInGroup ? 'answered' : 'lost';
  }

  /** Nobody answers for a device that is not there. */
  #invalidateDevice(descriptor: Descriptor): DescriptorEnd {
    const range = invalidatedRange(descriptor);
    const answer = this.endpoints.get(descriptor.requester)?.invalidateTlb(range) ?? 'timed-out';
    if (typeof answer === 'string') return answer;
    this.#watch.deviceInvalidated(descriptor.requester, range, answer);
    return 'completed';
  }

  #respond(requesterId: number, pasid: number | undefined, groupIndex: number, code: number): void {
    this.endpoints.get(requesterId)?.pageGroupResponse({ requesterId, pasid, groupIndex, code });
  }
}
