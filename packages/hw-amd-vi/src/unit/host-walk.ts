import { RadixWalker, WalkStop, type PhysicalMemory, type TableRoot, type WalkVisitor } from '@ioasis/core';
import { HOST_FORMAT } from '../format/host-v1.js';
import type { DeviceEntry } from './device-entry.js';
import type { AmdViFault, FaultReporter } from './fault-reporter.js';

/** Walks of host tables, one walker for each way of treating accessed and dirty bits (DTE.HAD). */
export class HostWalk {
  /** By {@link DeviceEntry.hostFlags}. */
  readonly #walkers: readonly RadixWalker[];
  readonly #reporter: FaultReporter;

  /** @param isLive false: nothing changes in memory; for looking only */
  constructor(memory: PhysicalMemory, reporter: FaultReporter, isLive: boolean) {
    const looking = new RadixWalker({ memory, format: HOST_FORMAT });
    this.#walkers = isLive
      ? [
          looking,
          new RadixWalker({ memory, format: HOST_FORMAT, accessed: 'set' }),
          new RadixWalker({ memory, format: HOST_FORMAT, accessed: 'set', setDirty: true }),
        ]
      : [looking, looking, looking];
    this.#reporter = reporter;
  }

  walkerOf(entry: DeviceEntry): RadixWalker {
    return this.#walkers[entry.hostFlags]!;
  }

  rootOf(entry: DeviceEntry): TableRoot {
    if (entry.host === null) throw new Error('a device entry without host tables is not walked');
    return entry.host;
  }

  /** Reports every entry that is read. */
  watch(visitor: WalkVisitor): void {
    for (const walker of this.#walkers) {
      walker.isWatched = true;
      walker.visitor = visitor;
    }
  }

  /** The fault of a walk that stopped. */
  faultOf(entry: DeviceEntry, walker: RadixWalker, access: number): AmdViFault {
    const reporter = this.#reporter;
    switch (walker.stop) {
      case WalkStop.ABORT:
      case WalkStop.UPDATE:
        return reporter.pageTableError(entry, walker.entryAddressHi, walker.entryAddressLo);
      case WalkStop.RESERVED:
        return reporter.pageFault(entry, { present: true, reserved: true });
      case WalkStop.ENCODING:
        // Rights are looked at after the level encoding and before the size that the address encodes.
        return this.#isSizeWrong(walker) && !walker.allows(access)
          ? reporter.pageFault(entry, { present: true, permission: true })
          : reporter.pageFault(entry, { present: true, reserved: true });
      case WalkStop.PERMISSION:
        return reporter.pageFault(entry, { present: true, permission: true });
      case WalkStop.SKIPPED:
        return walker.allows(access)
          ? reporter.pageFault(entry, { present: false })
          : reporter.pageFault(entry, { present: true, permission: true });
      default:
        // Beyond Mode's levels, or an entry with PR = 0.
        return reporter.pageFault(entry, { present: false });
    }
  }

  /** Next Level 7 with an address that is no size of its level. */
  #isSizeWrong(walker: RadixWalker): boolean {
    return (walker.entryLo & 0xe00) === 0xe00;
  }
}
