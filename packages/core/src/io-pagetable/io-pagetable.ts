import { isLeft, left, right } from 'fp-ts/lib/Either.js';
import type { Range64 } from '../bits/index.js';
import type { IommuDomain, ReservedRegion } from '../domain/index.js';
import { done, type IoResult } from '../errno/index.js';
import type { AddressSpace } from '../memory/index.js';
import { pinPages, readWriteBytes, unpinPages } from './access-pages.js';
import { disableLargePages, enableLargePages } from './alignment.js';
import type { PagesSlice } from './area.js';
import { cut } from './cut-areas.js';
import { readAndClearDirty, setDirtyTracking, type DirtyBitmapRequest } from './dirty-pages.js';
import { findInvariantFaults } from './invariants.js';
import { joinKey } from './iova-key.js';
import { keysOf, mapUserMemory, type MapKeys, type MapRequest } from './map-areas.js';
import { mapSlices, slicesOf } from './map-slices.js';
import {
  forgetAllowed,
  removeReserved,
  reserveDeviceRegions,
  reserveRange,
  setAllowed,
  type DeviceRegions,
} from './reserve.js';
import type { ReservedOwner } from './reserved-ranges.js';
import { addAccess, removeAccess } from './table-accesses.js';
import { addDomain, removeDomain } from './table-domains.js';
import { TableState, type IoPageTableOptions, type TableAccess } from './table-state.js';
import { unmap, unmapAll } from './unmap-areas.js';

/**
 * The IO page table of one IOAS (Linux: `struct io_pagetable`): which IOVA reaches which memory, and the domains and kernel accesses that
 * follow it. Ranges are exact to the byte and inclusive; IOVAs, addresses and lengths are unsigned 64-bit bigints in bytes.
 *
 * With a domain a map pins its pages and fills every domain; without one it only notes the memory, and faults show when a domain or
 * an access comes. A call that is refused changes nothing, except where its description says so.
 */
export class IoPageTable {
  readonly #state: TableState;

  constructor(options: IoPageTableOptions) {
    this.#state = new TableState(options);
  }

  /** Bytes: IOVA, length and user address of a map are multiples. 1 without domains and accesses. */
  get iovaAlignment(): bigint {
    return BigInt(this.#state.alignment);
  }

  /** Whether a map call may span more than one page; false: every page is mapped by itself. */
  get largePages(): boolean {
    return !this.#state.largePagesDisabled;
  }

  get largePagesDisabled(): boolean {
    return this.#state.largePagesDisabled;
  }

  /** Attached domains; the first one keeps the frames. */
  get domains(): readonly IommuDomain[] {
    return this.#state.mappers.map(({ domain }) => domain);
  }

  /** Bytes that the last unmap took away, also when it was refused half-way; modulo 2^64. */
  get unmappedBytes(): bigint {
    return this.#state.unmappedBytes;
  }

  /** Areas in the table. */
  get areaCount(): number {
    return this.#state.areas.size;
  }

  /**
   * Maps user memory.
   * Refusals in this order: MAP_LENGTH_ZERO, MAP_LENGTH_TOO_LARGE, MAP_USER_RANGE_OVERFLOW, IOPT_OUT_OF_MEMORY, MAP_LENGTH_UNALIGNED;
   * fixed: MAP_IOVA_UNALIGNED, MAP_IOVA_OVERFLOW, MAP_IOVA_RESERVED, MAP_IOVA_OCCUPIED; automatic: AUTO_LENGTH_TOO_LARGE,
   * AUTO_ALIGNMENT_TOO_SMALL, IOVA_SPACE_EXHAUSTED; MAP_USER_ADDRESS_UNALIGNED; with a domain: PIN_FAULT, MEMLOCK_EXCEEDED,
   * BACKEND_REFUSED.
   * @returns the IOVA
   */
  map(request: MapRequest): IoResult<bigint> {
    const mapped = this.mapKeys(keysOf(request));
    return isLeft(mapped) ? mapped : right(this.mappedIova);
  }

  /** As {@link map}, without a bigint: the IOVA is in {@link mappedIova}. */
  mapKeys(request: MapKeys): IoResult<0> {
    const refused = mapUserMemory(this.#state, request);
    return refused === null ? done : left(refused);
  }

  /** Where the last map that succeeded went. */
  get mappedIova(): bigint {
    const { page, byte } = this.#state.automatic;
    return joinKey(page, byte);
  }

  /**
   * What `[iova, iova + length)` shows, for {@link mapSlices}; it holds nothing and is to be used before anything else changes this
   * table. Refusals: COPY_LENGTH_ZERO, COPY_RANGE_OVERFLOW, COPY_SOURCE_HOLE, IOPT_OUT_OF_MEMORY.
   */
  slices(iova: bigint, length: bigint): IoResult<readonly PagesSlice[]> {
    return slicesOf(this.#state, iova, length);
  }

  /**
   * Maps slices one behind the other; their pages stay pinned and charged once. Refusals as {@link map} from IOPT_OUT_OF_MEMORY on, and
   * MAP_PAGES_READ_ONLY.
   * @param length sum of the slices' lengths
   * @returns the IOVA of the first
   */
  mapSlices(slices: readonly PagesSlice[], length: bigint, iova: bigint | undefined, prot: number): IoResult<bigint> {
    const refused = mapSlices(this.#state, slices, length, iova, prot);
    return refused === null ? right(this.mappedIova) : left(refused);
  }

  /**
   * Removes the areas of `[iova, iova + length)`. An area that sticks out ends the call; those in front of it are gone then.
   * Refusals: UNMAP_LENGTH_ZERO, UNMAP_RANGE_OVERFLOW, AREA_BUSY, UNMAP_CUTS_AREA, ACCESS_KEEPS_PAGES.
   * @returns bytes removed; 0 when nothing was there
   */
  unmap(iova: bigint, length: bigint): IoResult<bigint> {
    return unmap(this.#state, iova, length);
  }

  /** Removes every area. Refusals: AREA_BUSY, ACCESS_KEEPS_PAGES. @returns bytes removed modulo 2^64 */
  unmapAll(): IoResult<bigint> {
    return unmapAll(this.#state);
  }

  /**
   * Cuts the area under each IOVA behind it, as VFIO's TYPE1 asks; cuts in front of a refused one stay. Refusals: CUT_AREA_BUSY,
   * CUT_UNALIGNED, IOPT_OUT_OF_MEMORY, CUT_ACCESS_HELD, CUT_LARGE_PAGES.
   */
  cut(iovas: readonly bigint[]): IoResult<0> {
    return cut(this.#state, iovas);
  }

  /**
   * Attaches a domain, reserves what it cannot translate, and fills it. Refusals: DOMAIN_PAGE_TOO_LARGE, ALIGNMENT_IN_USE,
   * RESERVE_OVER_AREA, RESERVE_OVER_ALLOWED, IOPT_OUT_OF_MEMORY, PIN_FAULT, MEMLOCK_EXCEEDED, BACKEND_REFUSED.
   */
  addDomain(domain: IommuDomain): IoResult<0> {
    return addDomain(this.#state, domain);
  }

  /** Empties and detaches a domain. The last domain takes the place of the removed one; with none left pages are unpinned. */
  removeDomain(domain: IommuDomain): void {
    removeDomain(this.#state, domain);
  }

  /** Keeps `[start, last]` free of areas for an owner. Refusals: RESERVE_OVER_AREA, RESERVE_OVER_ALLOWED, IOPT_OUT_OF_MEMORY. */
  reserve(start: bigint, last: bigint, owner: ReservedOwner): IoResult<0> {
    const refused = reserveRange(this.#state, { start, last, owner });
    return refused === null ? done : left(refused);
  }

  /** Gives up every reserved range of an owner. */
  removeReserved(owner: ReservedOwner): void {
    removeReserved(this.#state, owner);
  }

  /** Reserves what a device cannot use. Refusals: as {@link reserve}, MSI_WINDOWS_CONFLICT. @returns its software MSI window */
  reserveDeviceRegions(device: object, regions: readonly ReservedRegion[]): IoResult<DeviceRegions> {
    return reserveDeviceRegions(this.#state, device, regions);
  }

  /**
   * Replaces the list of ranges that may not become reserved and that automatic IOVAs come from; empty: everywhere. Fixed maps may lie
   * elsewhere. Refusals: ALLOWED_OVER_RESERVED.
   */
  setAllowed(ranges: readonly Range64[]): IoResult<0> {
    return setAllowed(this.#state, ranges);
  }

  /** What is not reserved, ascending; neither areas nor allowed ranges count. */
  usableRanges(): readonly Range64[] {
    return this.#state.reserved.holes();
  }

  /** Every page becomes a map call of its own, so that areas can be cut. Refusals: LARGE_PAGES_IN_USE, ALIGNMENT_IN_USE. */
  disableLargePages(): IoResult<0> {
    return disableLargePages(this.#state);
  }

  /** Undoes {@link disableLargePages} for new areas. Never refused. */
  enableLargePages(): IoResult<0> {
    return enableLargePages(this.#state);
  }

  /** Attaches an access. Refusals: IOPT_OUT_OF_MEMORY, ALIGNMENT_IN_USE. */
  addAccess(access: TableAccess): IoResult<0> {
    return addAccess(this.#state, access);
  }

  /** Detaches an access that has nothing pinned any more. */
  removeAccess(access: TableAccess): void {
    removeAccess(this.#state, access);
  }

  /**
   * Pins the pages of `[iova, iova + length)` for an access until {@link unpinAccess} with the same range. Refusals: ACCESS_CANNOT_PIN,
   * ACCESS_LENGTH_ZERO, ACCESS_RANGE_OVERFLOW; area by area ACCESS_UNMAP_WAITS, ACCESS_UNALIGNED, ACCESS_PROTECTION,
   * ACCESS_PAGES_READ_ONLY, PIN_FAULT, MEMLOCK_EXCEEDED, IOPT_OUT_OF_MEMORY; ACCESS_HOLE.
   * @returns the first 4 KiB frame of each page
   */
  pinAccess(access: TableAccess, iova: bigint, length: bigint, write: boolean): IoResult<Float64Array> {
    return pinPages(this.#state, access, iova, length, write);
  }

  /** Gives back what one {@link pinAccess} of exactly this range pinned. */
  unpinAccess(iova: bigint, length: bigint): void {
    unpinPages(this.#state, iova, iova + length - 1n);
  }

  /**
   * Reads or writes bytes by IOVA, pinning nothing for longer than the call; what precedes a failure is copied. Refusals:
   * ACCESS_LENGTH_ZERO, ACCESS_RANGE_OVERFLOW; area by area ACCESS_UNMAP_WAITS, ACCESS_PROTECTION, ACCESS_PAGES_READ_ONLY,
   * ACCESS_COPY_FAULT or PIN_FAULT; ACCESS_HOLE.
   * @param current address space of the caller: memory of its own is copied as system calls do; null: always through pinned frames
   */
  readWrite(iova: bigint, bytes: Uint8Array, write: boolean, current: AddressSpace | null): IoResult<0> {
    return readWriteBytes(this.#state, iova, bytes, write, current);
  }

  /** Switches dirty tracking of a domain; enabling forgets earlier writes first. Refusals: DIRTY_UNSUPPORTED, BACKEND_REFUSED. */
  setDirtyTracking(domain: IommuDomain, enabled: boolean): IoResult<0> {
    return setDirtyTracking(this.#state, domain, enabled);
  }

  /**
   * Sets a bit in the user's bitmap for every written page of a range. A hole, a driver's error or a bitmap that cannot be pinned ends or
   * thins the result without an error, as in Linux. Refusals: DIRTY_LENGTH_ZERO, DIRTY_RANGE_OVERFLOW, DIRTY_RANGE_UNALIGNED,
   * DIRTY_PAGE_SIZE_ZERO, DIRTY_PAGE_SIZE_UNALIGNED, DIRTY_UNSUPPORTED, IOPT_OUT_OF_MEMORY.
   */
  readAndClearDirty(domain: IommuDomain, request: DirtyBitmapRequest): IoResult<0> {
    return readAndClearDirty(this.#state, domain, request);
  }

  /**
   * The IOVA that the kernel's self test means by the number of an area (from 0 in order of IOVA, low 32 bits) and an offset into it (high 32
   * bits); 0 when there are not so many.
   */
  iovaByArea(number: bigint): bigint {
    let skip = number & 0xffff_ffffn;
    let start: bigint | undefined;
    this.#state.areas.forEach((area) => {
      if (skip-- > 0n) return true;
      start = area.iova;
      return false;
    });
    return start === undefined ? 0n : BigInt.asUintN(64, start + (number >> 32n));
  }

  /** Unmaps everything; domains, accesses and reserved ranges of devices are gone by then. Cannot fail. */
  destroy(): void {
    const state = this.#state;
    unmapAll(state);
    removeReserved(state, null);
    forgetAllowed(state);
    if (state.mappers.length > 0) state.warn('an IO page table ends with a domain attached');
    if (state.accesses.length > 0) state.warn('an IO page table ends with an access attached');
    if (state.areas.size > 0) state.warn('an IO page table ends with areas');
    if (state.reserved.count > 0) state.warn('an IO page table ends with reserved ranges');
  }

  /** Everything that is wrong, one sentence each: what Linux would WARN about, and inner contradictions. Empty when all is well. */
  checkInvariants(): string[] {
    return [...this.#state.warnings, ...findInvariantFaults(this.#state)];
  }
}
