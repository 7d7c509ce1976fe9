import {
  Access,
  RadixWalker,
  TableRoot,
  WalkStop,
  type PageTableFormat,
  type PhysicalMemory,
  type TableAddressTranslator,
} from '@ioasis/core';
import { guestFormat } from '../format/guest-v2.js';
import { HardwareErrorType } from '../layouts/events.js';
import type { Capabilities } from './capabilities.js';
import { DeviceAction, type DeviceEntry } from './device-entry.js';
import type { AmdViFault, FaultReporter } from './fault-reporter.js';
import type { HostWalk } from './host-walk.js';

/** The host stage as it serves reads and updates of guest table entries. */
class HostStage implements TableAddressTranslator {
  tableAddressHi = 0;
  tableAddressLo = 0;
  readonly #walk: HostWalk;
  readonly #entry: DeviceEntry;
  /** What the last refused translation wanted. */
  refusedAccess = 0;

  constructor(walk: HostWalk, entry: DeviceEntry) {
    this.#walk = walk;
    this.#entry = entry;
  }

  translateTableAddress(hi: number, lo: number, write: boolean): boolean {
    const walker = this.#walk.walkerOf(this.#entry);
    const access = Access.READ | (write ? Access.WRITE : 0);
    if (!walker.walk(this.#walk.rootOf(this.#entry), hi, lo, access)) {
      this.refusedAccess = access;
      return false;
    }
    this.tableAddressHi = walker.paHi;
    this.tableAddressLo = walker.paLo;
    return true;
  }
}

/** Guest tables (48882 2.2.6): GCR3 table by PASID, x86-64 tables, each address through the host tables when Mode is not 0. */
export class GuestWalk {
  /** After {@link translate} returned null. */
  paHi = 0;
  paLo = 0;
  pageShift = 0;
  /** OR of `Access` READ, WRITE, EXECUTE. */
  rights = 0;
  /** Entries read by the last translation. */
  reads = 0;
  readonly #memory: PhysicalMemory;
  readonly #capabilities: Capabilities;
  readonly #host: HostWalk;
  readonly #reporter: FaultReporter;
  readonly #format: PageTableFormat;
  readonly #walker: RadixWalker;

  constructor(memory: PhysicalMemory, capabilities: Capabilities, host: HostWalk, reporter: FaultReporter) {
    this.#memory = memory;
    this.#capabilities = capabilities;
    this.#host = host;
    this.#reporter = reporter;
    this.#format = guestFormat(capabilities.noExecute);
    // Guest tables always have accessed and dirty bits set by hardware.
    this.#walker = new RadixWalker({ memory, format: this.#format, accessed: 'set', setDirty: true });
  }

  /** @returns null, and the result in fields, or the fault */
  translate(entry: DeviceEntry, pasid: number, iovaHi: number, iovaLo: number, access: number): AmdViFault | null {
    this.reads = 0;
    const stage = entry.action === DeviceAction.HOST ? new HostStage(this.#host, entry) : null;
    // 1. The GCR3 entry of the PASID: nine bits a level.
    const root = this.#rootOf(entry, pasid, stage);
    if (!(root instanceof TableRoot)) return root;

    // 2. The guest tables. Rights of the requester's privilege.
    const walker = this.#walker;
    const isAllowed = walker.walk(root, iovaHi, iovaLo, access);
    this.reads += walker.reads;
    if (!isAllowed) return this.#faultOf(entry, stage, walker);
    this.paHi = walker.paHi;
    this.paLo = walker.paLo;
    this.pageShift = walker.pageShift;
    this.rights = walker.permissions((access & Access.PRIVILEGED) !== 0);
    if (stage === null) return null;

    // 3. The page's own address through the host tables.
    const host = this.#host.walkerOf(entry);
    const isReachable = host.walk(this.#host.rootOf(entry), this.paHi, this.paLo, access);
    this.reads += host.reads;
    if (!isReachable) return this.#host.faultOf(entry, host, access);
    this.paHi = host.paHi;
    this.paLo = host.paLo;
    this.pageShift = Math.min(this.pageShift, host.pageShift);
    this.rights &= host.permissions(false);
    return null;
  }

  #rootOf(entry: DeviceEntry, pasid: number, stage: HostStage | null): TableRoot | AmdViFault {
    const indexBits = 9 * entry.gcr3Levels;
    if (pasid >= 2 ** Math.min(indexBits, this.#capabilities.pasidBits)) {
      return this.#reporter.pageFault(entry, { present: false });
    }
    const memory = this.#memory;
    // The GCR3 table lies in system memory; only the pointers in its last level are guest addresses.
    let hi = entry.gcr3Hi;
    let lo = entry.gcr3Lo;
    for (let level = entry.gcr3Levels - 1; level >= 0; level--) {
      const at = lo | (((pasid >>> (9 * level)) & 0x1ff) * 8);
      this.reads++;
      if (!memory.load64(hi, at)) {
        return this.#reporter.hardwareError('PAGE_TAB_HARDWARE_ERROR', hi, at, HardwareErrorType.MASTER_ABORT);
      }
      if ((memory.loadedLo & 1) === 0) return this.#reporter.pageFault(entry, { present: false });
      hi = memory.loadedHi & 0xf_ffff;
      lo = memory.loadedLo & ~0xfff;
    }
    return new TableRoot(this.#format, {
      hi,
      lo,
      levels: entry.guestLevels,
      inputBits: 12 + 9 * entry.guestLevels,
      region: 'canonical',
      translator: stage,
    });
  }

  #faultOf(entry: DeviceEntry, stage: HostStage | null, walker: RadixWalker): AmdViFault {
    const reporter = this.#reporter;
    switch (walker.stop) {
      case WalkStop.STAGE:
        return this.#host.faultOf(entry, this.#host.walkerOf(entry), stage?.refusedAccess ?? Access.READ);
      case WalkStop.ABORT:
      case WalkStop.UPDATE:
        return reporter.hardwareError(
          'PAGE_TAB_HARDWARE_ERROR',
          walker.entryAddressHi,
          walker.entryAddressLo,
          HardwareErrorType.MASTER_ABORT,
        );
      case WalkStop.RESERVED:
      case WalkStop.ENCODING:
        return reporter.pageFault(entry, { present: true, reserved: true });
      case WalkStop.PERMISSION:
        return reporter.pageFault(entry, { present: true, permission: true });
      default:
        return reporter.pageFault(entry, { present: false });
    }
  }
}
