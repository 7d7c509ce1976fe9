import { Access, hi32, NO_PASID, PageWalk, RequestStream, type RegisterFile, type RequestFront } from '@ioasis/core';
import { GUEST_PTE } from '../layouts/page-table-entries.js';
import { DeviceAction, type DeviceEntry } from './device-entry.js';
import { exclusionApplies } from './exclusion-range.js';
import type { GuestWalk } from './guest-walk.js';
import type { HostWalk } from './host-walk.js';
import type { RequestPath } from './request-path.js';
import { EntryKind, HOST_TAG, type TranslationCaches } from './translation-caches.js';
import type { UnitControl } from './unit-control.js';

/** NX of the entries of guest tables, in their high words. */
const NO_EXECUTE_HI = hi32(GUEST_PTE.mask('NX'));

/** Tells the unit's front which devices are translated, and those by host tables alone how. */
export class RequestStreams {
  readonly #front: RequestFront;
  readonly #caches: TranslationCaches;
  readonly #control: UnitControl;
  readonly #registers: RegisterFile;
  readonly #host: HostWalk;
  readonly #guest: GuestWalk;

  constructor(
    front: RequestFront,
    caches: TranslationCaches,
    control: UnitControl,
    registers: RegisterFile,
    { host, guest }: RequestPath,
  ) {
    this.#front = front;
    this.#caches = caches;
    this.#control = control;
    this.#registers = registers;
    this.#host = host;
    this.#guest = guest;
  }

  /** A request without PASID was served: from now on the next one may be served by the front. */
  remember(requesterId: number): void {
    if (this.#front.knows(requesterId, NO_PASID)) return;
    const entry = this.#caches.devices.find(requesterId, 0);
    if (entry === null || !this.#control.enabled || exclusionApplies(this.#registers)) return;
    const isGuest = entry.guest && entry.guestWithoutPasid && this.#control.guestTables;
    if (!isGuest && (entry.guest || entry.action !== DeviceAction.HOST)) return;
    this.#front.remember(
      new RequestStream({
        requesterId,
        pasid: NO_PASID,
        tagA: entry.domainId,
        // Under GIoV a request without PASID is one of PASID 0.
        tagB: isGuest ? 0 : HOST_TAG,
        plain: Access.READ | Access.WRITE,
        rights: entry.rights,
        // Guest addresses are canonical; those of the upper half take the long way.
        excessHi: isGuest ? lowerHalfExcess(12 + 9 * entry.guestLevels) : 0,
        pages: isGuest ? this.#guestPages(entry) : this.#hostPages(entry),
      }),
    );
  }

  /** Without a cache of directories every walk begins at the GCR3 table. */
  #guestPages(entry: DeviceEntry): PageWalk | null {
    const { directories } = this.#caches;
    if (entry.action === DeviceAction.HOST || !directories.isOn) return null;
    const walker = this.#guest.pageWalker;
    return new PageWalk({
      walker,
      root: this.#guest.pageRoot(),
      links: directories,
      linkTagA: entry.domainId,
      linkTagB: 0,
      permissions: walker.pagePermissions(false),
      attributes: EntryKind.GUEST,
      executable: Access.EXECUTE,
      noExecuteHi: NO_EXECUTE_HI,
    });
  }

  #hostPages(entry: DeviceEntry): PageWalk {
    const walker = this.#host.walkerOf(entry);
    return new PageWalk({
      walker,
      root: this.#host.rootOf(entry),
      links: this.#caches.directories,
      linkTagA: entry.domainId,
      linkTagB: HOST_TAG,
      permissions: walker.pagePermissions(false),
      attributes: EntryKind.HOST,
    });
  }
}

/** High-word bits that no address of the lower half of 2^bits bytes has. */
const lowerHalfExcess = (bits: number): number => (bits > 64 ? 0 : -(2 ** (bits - 33)) | 0);
