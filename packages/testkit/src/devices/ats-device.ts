import {
  Access,
  DeviceTlb,
  hi32,
  join64,
  lo32,
  NO_PASID,
  PrgResponseCode,
  type DeviceTlbRange,
  type DmaOutcome,
  type DmaPort,
  type Endpoint,
  type InterruptSink,
  type PageGroupResponse,
  type PciFunction,
  type PciInterrupts,
  type PciRegion,
  type TranslationUnit,
} from '@ioasis/core';
import { atsConfig, featuresOf } from './ats-config.js';
import { ATS_BUFFER_BYTES, AtsCommand, AtsPci, AtsRegister, AtsStatus } from './ats-layout.js';
import { isBusMaster, signalInterrupt } from './pci-config.js';
import { registerRegion } from './register-region.js';

/** A transfer that is under way. */
interface Transfer {
  readonly address: bigint;
  readonly length: number;
  readonly offset: number;
  readonly pasid: number;
  readonly toMemory: boolean;
  done: number;
  /** Page requests for the piece at hand that were answered with success. */
  answered: number;
}

const PAGE = 0x1000;
/** A page that does not come although it was promised is given up after so many requests. */
const MOST_REQUESTS = 4;
const HAS_PASID = 0x8000_0000;
const PASID_MASK = 0xf_ffff;
const GROUP_INDEXES = 512;

/**
 * A DMA engine with ATS, PRI and PASID. While ATS is on it asks the unit for translations, keeps them, and sends requests with physical addresses; while
 * PRI is on too, a page that is missing is asked for, and the transfer waits for the answer. Which of the three is on is in configuration space:
 * see `enableFeatures`.
 */
export class AtsDevice implements PciFunction, Endpoint {
  readonly vendorId: number = AtsPci.VENDOR_ID;
  readonly deviceId: number = AtsPci.DEVICE_ID;
  readonly classCode: number = AtsPci.CLASS_CODE;
  readonly revision: number = AtsPci.REVISION;
  readonly interrupts: PciInterrupts = { intx: 1, msi: 1, msix: 0 };
  readonly resettable: boolean = true;
  readonly config: Uint8Array = atsConfig();
  readonly bars: readonly (PciRegion | undefined)[];
  readonly buffer: Uint8Array = new Uint8Array(ATS_BUFFER_BYTES);
  /** What became of every piece that was sent, oldest first. */
  readonly transfers: DmaOutcome[] = [];
  /** Its translations; undefined until {@link link}. */
  tlb: DeviceTlb | undefined;

  #port: DmaPort | undefined;
  #interrupt: InterruptSink | undefined;
  #unit: TranslationUnit | undefined;
  #address = 0n;
  #length = 0;
  #pasid = 0;
  #offset = 0;
  #status: number = AtsStatus.IDLE;
  #transfer: Transfer | undefined;
  #group = 0;

  constructor() {
    this.bars = [
      registerRegion(AtsPci.BAR0_BYTES, {
        accepts: (offset, bytes) => bytes === 4 || (bytes === 8 && offset === AtsRegister.ADDRESS),
        load: (offset) => this.#load(offset),
        store: (offset, value) => this.#store(offset, value),
      }),
    ];
  }

  connect(port: DmaPort, interrupt: InterruptSink): void {
    this.#port = port;
    this.#interrupt = interrupt;
  }

  /** Exchanges messages with a unit from now on. A machine does this when the device is plugged. @throws Error before {@link connect} */
  link(unit: TranslationUnit): void {
    if (this.#port === undefined) throw new Error('the device is not plugged');
    const { requesterId } = this.#port;
    this.#unit = unit;
    this.tlb = new DeviceTlb(unit, requesterId);
    unit.connectEndpoint?.(requesterId, this);
  }

  /** Registers and device TLB as after power on. */
  reset(): void {
    this.config.set(atsConfig());
    this.buffer.fill(0);
    this.tlb?.clear();
    this.#address = 0n;
    this.#length = this.#pasid = this.#offset = 0;
    this.#status = AtsStatus.IDLE;
    this.#transfer = undefined;
  }

  /** An invalidation request of the unit. @returns translations that were dropped */
  invalidateTlb(range: DeviceTlbRange): number {
    return this.tlb?.invalidate(range) ?? 0;
  }

  /** The unit's answer to a group of page requests: on success the transfer goes on, else it has failed. */
  pageGroupResponse({ groupIndex, code }: PageGroupResponse): void {
    const transfer = this.#transfer;
    if (transfer === undefined || this.#status !== AtsStatus.WAITING || groupIndex !== this.#group) return;
    transfer.answered++;
    this.#group = (groupIndex + 1) % GROUP_INDEXES;
    if (code === PrgResponseCode.SUCCESS) this.#run(transfer);
    else this.#end(AtsStatus.FAILED);
  }

  #start(command: number): void {
    if ((command & AtsCommand.START) === 0 || this.#status === AtsStatus.WAITING) return;
    const hasPasid = (this.#pasid & HAS_PASID) !== 0;
    const isInside = this.#offset + this.#length <= ATS_BUFFER_BYTES;
    if (!isInside || !isBusMaster(this.config) || (hasPasid && !featuresOf(this.config).pasid)) {
      this.#end(AtsStatus.FAILED);
      return;
    }
    this.#run({
      address: this.#address,
      length: this.#length,
      offset: this.#offset,
      pasid: hasPasid ? this.#pasid & PASID_MASK : NO_PASID,
      toMemory: (command & AtsCommand.TO_MEMORY) !== 0,
      done: 0,
      answered: 0,
    });
  }

  /** Piece by piece, until the end, a refusal, or a page that has to be waited for. */
  #run(transfer: Transfer): void {
    this.#transfer = transfer;
    while (transfer.done < transfer.length) {
      const at = transfer.address + BigInt(transfer.done);
      const bytes = Math.min(PAGE - Number(at & BigInt(PAGE - 1)), transfer.length - transfer.done);
      if (featuresOf(this.config).ats && this.tlb !== undefined) {
        const access = transfer.toMemory ? Access.WRITE : Access.READ;
        if (!this.tlb.translate(transfer.pasid, hi32(at), lo32(at), access)) {
          this.#missing(transfer, at);
          return;
        }
        if (!this.#move(transfer, join64(this.tlb.paHi, this.tlb.paLo), bytes, true)) break;
      } else if (!this.#move(transfer, at, bytes, false)) break;
      transfer.done += bytes;
      transfer.answered = 0;
    }
    this.#end(transfer.done < transfer.length ? AtsStatus.FAILED : AtsStatus.DONE);
  }

  #move({ offset, done, pasid, toMemory }: Transfer, address: bigint, bytes: number, isTranslated: boolean): boolean {
    const window = this.buffer.subarray(offset + done, offset + done + bytes);
    const port = this.#port!;
    // A translated request needs no PASID: its address is the answer for one.
    const sender = isTranslated ? NO_PASID : pasid;
    if (toMemory) {
      const written = port.write(address, window.slice(), sender, isTranslated);
      this.transfers.push(written);
      return written.status === 'ok';
    }
    const read = port.read(address, bytes, sender, isTranslated);
    this.transfers.push(read);
    if (read.status === 'ok') window.set(read.data);
    return read.status === 'ok';
  }

  #missing(transfer: Transfer, at: bigint): void {
    const unit = featuresOf(this.config).pri ? this.#unit : undefined;
    if (unit?.requestPage === undefined || transfer.answered >= MOST_REQUESTS) {
      this.#end(AtsStatus.FAILED);
      return;
    }
    this.#status = AtsStatus.WAITING;
    unit.requestPage({
      requesterId: this.#port!.requesterId,
      pasid: transfer.pasid === NO_PASID ? undefined : transfer.pasid,
      address: at & ~BigInt(PAGE - 1),
      read: !transfer.toMemory,
      write: transfer.toMemory,
      groupIndex: this.#group,
      lastInGroup: true,
    });
  }

  #end(status: number): void {
    this.#status = status;
    this.#transfer = undefined;
    signalInterrupt(this.config, this.#interrupt);
  }

  #load(offset: number): bigint | undefined {
    switch (offset) {
      case AtsRegister.ADDRESS:
        return this.#address;
      case AtsRegister.LENGTH:
        return BigInt(this.#length);
      case AtsRegister.PASID:
        return BigInt(this.#pasid);
      case AtsRegister.OFFSET:
        return BigInt(this.#offset);
      case AtsRegister.STATUS:
        return BigInt(this.#status);
      default:
        return undefined;
    }
  }

  #store(offset: number, value: bigint): void {
    const low = Number(value & 0xffff_ffffn);
    switch (offset) {
      case AtsRegister.ADDRESS:
        this.#address = value;
        break;
      case AtsRegister.LENGTH:
        this.#length = low;
        break;
      case AtsRegister.PASID:
        this.#pasid = low;
        break;
      case AtsRegister.OFFSET:
        this.#offset = low;
        break;
      case AtsRegister.COMMAND:
        this.#start(low);
        break;
      default:
    }
  }
}
