import { right } from 'fp-ts/lib/Either.js';
import { Prot, type IoResult } from '@ioasis/core';
import type { DmaEntry } from './dma-list.js';
import type { MediatedDevice } from './mediated-device.js';
import { lockLimitPages } from './page-runs.js';
import { type1Refusals } from './refusals.js';
import type { Type1State } from './state.js';

const { refuse } = type1Refusals;

/** How often a device is asked for the same mapping before the kernel gives up (`vfio_dma_do_unmap`: `BUG_ON(++retries > 10)`). */
const NOTICES_MAX = 10;

/** A mediated device in a classic container (`vfio_pin_pages`, `vfio_unpin_pages`). It leaves before the container loses its type. */
export class MediatedPort {
  readonly #state: Type1State;
  readonly #device: MediatedDevice;

  constructor(state: Type1State, device: MediatedDevice) {
    this.#state = state;
    this.#device = device;
    state.mediated.add(device);
  }

  /**
   * Pins the page at an IOVA. Refusals: TYPE1_PIN_NEEDS_V2, TYPE1_PIN_VADDR_INVALID, TYPE1_PIN_NO_MAPPING, TYPE1_PIN_PROTECTION,
   * TYPE1_PIN_FAILED, TYPE1_MEMLOCK.
   * @param prot OR of `Prot` READ and WRITE that the device needs
   * @returns the first 4 KiB frame of the page
   */
  pin(iova: bigint, prot: number): IoResult<number> {
    const state = this.#state;
    if (!state.v2) return refuse('TYPE1_PIN_NEEDS_V2');
    if (state.vaddrInvalid > 0) return refuse('TYPE1_PIN_VADDR_INVALID', { mappings: state.vaddrInvalid });
    const entry = state.mappings.find(iova, BigInt(state.pageSize));
    if (entry === undefined) return refuse('TYPE1_PIN_NO_MAPPING', { iova });
    if ((entry.prot & prot) !== prot) return refuse('TYPE1_PIN_PROTECTION', { iova, asked: prot, allowed: entry.prot });
    const known = entry.external.get(iova);
    if (known === undefined) return pinFirst(state, entry, iova);
    known.uses++;
    return right(known.frame);
  }

  /** Undoes one {@link pin}; an IOVA that is not pinned is ignored. */
  unpin(iova: bigint): void {
    const state = this.#state;
    const entry = state.mappings.find(iova, BigInt(state.pageSize));
    const pin = entry?.external.get(iova);
    if (entry === undefined || pin === undefined || --pin.uses > 0) return;
    entry.external.delete(iova);
    entry.space.unpinPages(Float64Array.of(pin.frame), 0, 1);
    if (state.domains.length === 0) entry.space.lockedPages--;
  }

  /** The device leaves the container; it has unpinned everything. */
  close(): void {
    this.#state.mediated.delete(this.#device);
  }
}

/** With an IOMMU in the container the page is pinned and counted already; it is pinned once more and counted only without one. */
function pinFirst(state: Type1State, entry: DmaEntry, iova: bigint): IoResult<number> {
  const { space } = entry;
  const page = Number((entry.vaddr + iova - entry.iova) / BigInt(state.pageSize));
  const frame = new Float64Array(1);
  if (space.pinPages(page, 1, (entry.prot & Prot.WRITE) !== 0, frame, 0) === 0) {
    return refuse('TYPE1_PIN_FAILED', { fromVaddr: BigInt(page) * BigInt(state.pageSize) });
  }
  if (state.domains.length === 0) {
    const limitPages = lockLimitPages(entry.process);
    if (!entry.unlimited && space.lockedPages + 1 > limitPages) {
      space.unpinPages(frame, 0, 1);
      return refuse('TYPE1_MEMLOCK', { lockedPages: space.lockedPages, limitPages });
    }
    space.lockedPages++;
  }
  entry.external.add(iova, frame[0]!);
  return right(frame[0]!);
}

/**
 * Asks every mediated device to give a mapping's pages back, until it has (`vfio_notify_dma_unmap`).
 * @throws Error when one does not: a real kernel dies here
 */
export function notifyUntilUnpinned(state: Type1State, entry: DmaEntry): void {
  for (let notices = 0; !entry.external.empty; notices++) {
    if (notices > NOTICES_MAX) throw new Error('kernel BUG in vfio_dma_do_unmap: a device keeps pages of a mapping');
    for (const device of state.mediated) device.dmaUnmap(entry.iova, entry.size);
  }
}
