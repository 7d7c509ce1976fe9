import { join64 } from '../bits/index.js';
import { DIRTY_NO_CLEAR, type DirtySink, type DomainDirtyOps } from '../domain/iommu-domain.js';
import type { IotlbGather } from '../domain/iotlb-gather.js';
import { Errno } from '../errno/index.js';
import type { RadixTable } from './radix-table.js';

/** log2 of the page size that cleaned pages are gathered with. */
const CLEANED_SHIFT = 12;

/**
 * The part of an `IommuDomain` that its table answers alone, whatever the vendor. A driver's domain extends it and adds what it
 * invalidates, and when.
 */
export abstract class TableDomain {
  /** Dirty tracking is switched on. */
  isTracking = false;
  protected abstract readonly table: RadixTable;

  /** Root table, bytes. */
  get root(): bigint {
    return join64(this.table.rootHi, this.table.rootLo);
  }

  /** Pages mapped by the last `mapPages`. */
  get mappedPages(): number {
    return this.table.mappedPages;
  }

  /** Looks an IOVA up in the tables. True: the address is in {@link foundPaHi}, {@link foundPaLo}. */
  iovaToPhys(iovaHi: number, iovaLo: number): boolean {
    return this.table.iovaToPhys(iovaHi, iovaLo);
  }

  get foundPaHi(): number {
    return this.table.foundPaHi;
  }

  get foundPaLo(): number {
    return this.table.foundPaLo;
  }

  /**
   * Dirty tracking that is switched, and refuses to report while it is off.
   * @param switched tells the hardware; called when the state changes, before {@link isTracking} does
   */
  protected switchedTracking(switched: (enabled: boolean) => void): DomainDirtyOps {
    return {
      setTracking: (enabled) => {
        if (enabled !== this.isTracking) {
          switched(enabled);
          this.isTracking = enabled;
        }
        return 0;
      },
      readAndClear: (iovaHi, iovaLo, bytes, flags, sink, gather) => {
        if (!this.isTracking && sink !== null) return Errno.EINVAL;
        return this.readDirty(iovaHi, iovaLo, bytes, flags, sink, gather, CLEANED_SHIFT);
      },
    };
  }

  /**
   * Reports and cleans pages as `DomainDirtyOps.readAndClear` does; what was cleaned goes to the gather.
   * @param pageShift that the gather notes
   * @returns 0
   */
  protected readDirty(
    iovaHi: number,
    iovaLo: number,
    bytes: number,
    flags: number,
    sink: DirtySink | null,
    gather: IotlbGather,
    pageShift: number,
  ): number {
    const isCleaned = this.table.readAndClearDirty(iovaHi, iovaLo, bytes, flags, sink);
    if (isCleaned && (flags & DIRTY_NO_CLEAR) === 0) gather.addBytes(iovaHi, iovaLo, bytes, pageShift);
    return 0;
  }
}
