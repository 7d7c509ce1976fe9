import { Access, NO_PASID, PageWalk, RequestStream, type RegisterFile, type RequestFront } from '@ioasis/core';
import { DeviceAction } from './device-entry.js';
import { exclusionApplies } from './exclusion-range.js';
import type { HostWalk } from './host-walk.js';
import { EntryKind, HOST_TAG, type TranslationCaches } from './translation-caches.js';
import type { UnitControl } from './unit-control.js';

/** Tells the unit's front which devices are translated by host tables alone. */
export class RequestStreams {
  readonly #front: RequestFront;
  readonly #caches: TranslationCaches;
  readonly #control: UnitControl;
  readonly #registers: RegisterFile;
  readonly #host: HostWalk;

  constructor(
    front: RequestFront,
    caches: TranslationCaches,
    control: UnitControl,
    registers: RegisterFile,
    host: HostWalk,
  ) {
    this.#front = front;
    this.#caches = caches;
    this.#control = control;
    this.#registers = registers;
    this.#host = host;
  }

  /** A request without PASID was served: from now on the next one may be served by the front. */
  remember(requesterId: number): void {
    const entry = this.#caches.devices.find(requesterId, 0);
    if (entry === null || entry.action !== DeviceAction.HOST || entry.guest) return;
    if (!this.#control.enabled || exclusionApplies(this.#registers)) return;
    const walker = this.#host.walkerOf(entry);
    const pages = new PageWalk({
      walker,
      root: this.#host.rootOf(entry),
      links: this.#caches.directories,
      linkTag: HOST_TAG,
      permissions: walker.pagePermissions(false),
      attributes: EntryKind.HOST,
    });
    this.#front.remember(
      new RequestStream({
        requesterId,
        pasid: NO_PASID,
        tagA: entry.domainId,
        tagB: HOST_TAG,
        plain: Access.READ | Access.WRITE,
        rights: entry.rights,
        pages,
      }),
    );
  }
}
