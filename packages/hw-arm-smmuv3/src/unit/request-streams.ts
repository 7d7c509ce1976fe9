import { Access, NO_PASID, PageWalk, RequestStream, type RequestFront } from '@ioasis/core';
import type { Context } from './context.js';
import { PRIVILEGED_SHIFT, stage1Rights } from './stage1-rights.js';
import { StreamAction, type StreamEntry } from './stream-entry.js';
import { EntryKind, granuleAttribute, STAGE2_TAG, type UnitCaches } from './unit-caches.js';

const READ_WRITE = Access.READ | Access.WRITE;
const RIGHTS = READ_WRITE | Access.EXECUTE;
/** nG of a leaf, in its low word. */
const NOT_GLOBAL = 0x800;
/** Level and granule of a page of 4 KiB. */
const PAGE_OF_4K = 3 | granuleAttribute(12);

/** Tells the unit's front which streams one stage translates. */
export class RequestStreams {
  readonly #front: RequestFront;
  readonly #caches: UnitCaches;
  readonly #reportsConflicts: boolean;

  /** @param reportsConflicts whether a leaf of another size for the same addresses is an error (IDR3.BBML = 0) */
  constructor(front: RequestFront, caches: UnitCaches, reportsConflicts: boolean) {
    this.#front = front;
    this.#caches = caches;
    this.#reportsConflicts = reportsConflicts;
  }

  /** A request passed translated: from now on the next one may be served by the front. */
  remember(requesterId: number, pasid: number): void {
    if (this.#front.knows(requesterId, pasid)) return;
    const stream = this.#caches.streams.find(requesterId | 0, 0);
    if (stream === null) return;
    if (stream.action === StreamAction.STAGE2 && pasid === NO_PASID) {
      this.#remember(requesterId, pasid, stream, STAGE2_TAG, 0, this.#stage2Pages(stream));
    }
    if (stream.action !== StreamAction.STAGE1 && stream.action !== StreamAction.NESTED) return;
    const context = this.#caches.contexts.find(requesterId | 0, pasid);
    // A tagged address is not the one that its entry has.
    if (context === null || context.lowTopByteIgnored || context.highTopByteIgnored) return;
    const shift = stream.singlePrivilege ? PRIVILEGED_SHIFT : 0;
    this.#remember(requesterId, pasid, stream, context.asid, shift, this.#stage1Pages(stream, context));
  }

  #remember(
    requesterId: number,
    pasid: number,
    stream: StreamEntry,
    tagB: number,
    shift: number,
    pages: PageWalk | null,
  ): void {
    const options = { requesterId, pasid, tagA: stream.vmidTag, tagB, plain: READ_WRITE, shift, rights: RIGHTS, pages };
    this.#front.remember(new RequestStream(options));
  }

  #stage1Pages(stream: StreamEntry, context: Context): PageWalk | null {
    const { low } = context;
    if (stream.stage2 !== null || low === null || low.narrow !== 0) return null;
    const { walker, root } = low;
    return new PageWalk({
      walker,
      root,
      links: this.#caches.walks,
      linkTagA: stream.vmidTag,
      linkTagB: context.asid,
      permissions: stage1Rights(context, walker.pagePermissions(false), walker.pagePermissions(true)),
      attributes: EntryKind.STAGE1 | PAGE_OF_4K,
      notGlobal: NOT_GLOBAL,
      ...(this.#reportsConflicts && { mostSizes: 1 }),
    });
  }

  #stage2Pages({ stage2, vmidTag }: StreamEntry): PageWalk | null {
    if (stage2 === null) return null;
    const { walker, root } = stage2;
    return new PageWalk({
      walker,
      root,
      links: null,
      linkTagA: vmidTag,
      linkTagB: STAGE2_TAG,
      permissions: walker.pagePermissions(false),
      attributes: EntryKind.STAGE2 | PAGE_OF_4K,
      ...(this.#reportsConflicts && { mostSizes: 1 }),
    });
  }
}
