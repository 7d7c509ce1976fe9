import { IotlbGather, type IommuDomain } from '@ioasis/core';
import type { DmaEntry } from './dma-list.js';
import { releaseRun } from './page-runs.js';

/** Most runs that one invalidation covers (`VFIO_IOMMU_TLB_SYNC_MAX`). */
const RUNS_PER_INVALIDATION = 512;

/** Runs that are out of the tables and wait for an invalidation before they are unpinned (`unmap_unpin_fast`, `vfio_sync_unpin`). */
export class UnmappedRuns {
  readonly gather: IotlbGather = new IotlbGather();
  /** Pages unpinned so far. */
  unlocked = 0;
  readonly #entry: DmaEntry;
  readonly #domain: IommuDomain;
  readonly #runs: { readonly frame: number; readonly pages: number }[] = [];

  constructor(entry: DmaEntry, domain: IommuDomain) {
    this.#entry = entry;
    this.#domain = domain;
  }

  /** A run left the tables; `frame` is its first 4 KiB frame. */
  add(frame: number, pages: number): void {
    this.#runs.push({ frame, pages });
    if (this.#runs.length === RUNS_PER_INVALIDATION) this.invalidateAndUnpin();
  }

  /** Invalidates what was added and gives its pins back. */
  invalidateAndUnpin(): void {
    if (this.#runs.length === 0) return;
    this.#domain.syncUnmap(this.gather);
    this.gather.reset();
    for (const { frame, pages } of this.#runs) this.unlocked += releaseRun(this.#entry.space, frame, pages);
    this.#runs.length = 0;
  }
}
