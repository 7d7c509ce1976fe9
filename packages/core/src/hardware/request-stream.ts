import type { RadixWalker, TableRoot } from '../page-table/index.js';
import { LowestTables } from './lowest-tables.js';
import type { PagingStructureCache } from './paging-structure-cache.js';

/**
 * What a unit knows of a requester (or one of its PASIDs) whose plain reads and writes are translated: under which tags its translations
 * are cached, and how its tables are walked. A unit makes one for a requester that it has just served and its front does not know.
 */
export class RequestStream {
  readonly requesterId: number = 0;
  /** Or `NO_PASID`. */
  readonly pasid: number = 0;
  /** Tags of this requester's entries in the IOTLB. */
  readonly tagA: number = 0;
  readonly tagB: number = 0;
  /** Bits of `Access` that a request may have to be plain; what it asks for are READ and WRITE among them. */
  readonly plain: number = 0;
  /** Bits of an address's high word of which none may be set; addresses with one are the unit's own matter. */
  readonly excessHi: number = 0;
  /** How far up in the permissions of a cache entry those of this requester stand. */
  readonly shift: number = 0;
  /** OR of `Access` READ, WRITE, EXECUTE that the requester itself may have. */
  readonly rights: number = 0;
  /** How pages of 4 KiB are walked to; null: a miss is the unit's own matter. */
  readonly pages: PageWalk | null;

  constructor(options: RequestStreamOptions) {
    this.requesterId = options.requesterId;
    this.pasid = options.pasid;
    this.tagA = options.tagA;
    this.tagB = options.tagB;
    this.plain = options.plain;
    this.excessHi = options.excessHi ?? 0;
    this.shift = options.shift ?? 0;
    this.rights = options.rights;
    this.pages = options.pages ?? null;
  }
}

/** Fields of {@link RequestStream}. */
export interface RequestStreamOptions {
  readonly requesterId: number;
  readonly pasid: number;
  readonly tagA: number;
  readonly tagB: number;
  readonly plain: number;
  /** Default 0. */
  readonly excessHi?: number;
  /** Default 0. */
  readonly shift?: number;
  readonly rights: number;
  /** Default null. */
  readonly pages?: PageWalk | null;
}

const MOST_SIZES = 64;

/** Fields of {@link PageWalk}. */
export interface PageWalkOptions {
  readonly walker: RadixWalker;
  readonly root: TableRoot;
  /** Where links are cached; null: nowhere. */
  readonly links: PagingStructureCache | null;
  /** Tags of links. */
  readonly linkTagA: number;
  readonly linkTagB: number;
  readonly permissions: number;
  readonly attributes: number;
  /** Default 0. */
  readonly notGlobal?: number;
  /** Default: any number. */
  readonly mostSizes?: number;
  /** Default 0. */
  readonly executable?: number;
  /** Default 0. */
  readonly noExecuteHi?: number;
}

/** A one-stage walk to a page of 4 KiB that may be read and written, and what a cache entry of such a page says. */
export class PageWalk {
  readonly walker: RadixWalker;
  readonly root: TableRoot;
  /** Where the lowest of its tables are; null: links are not cached. */
  readonly tables: LowestTables | null;
  /** Entries that a walk reads. */
  readonly reads: number = 0;
  /** Permissions and attributes of the entry, as the unit's own walk would insert them. */
  readonly permissions: number = 0;
  readonly attributes: number = 0;
  /** Bits of the leaf's low word of which one is set unless the page is global; 0: no page is. */
  readonly notGlobal: number = 0;
  /** Permissions more of a page that no entry forbids to execute, and the bit of their high words that does; 0: none. */
  readonly executable: number = 0;
  readonly noExecuteHi: number = 0;
  /** With more page sizes in the IOTLB, the unit has to see whether entries contradict each other. */
  readonly mostSizes: number = 0;

  constructor(options: PageWalkOptions) {
    this.walker = options.walker;
    this.root = options.root;
    this.permissions = options.permissions;
    this.attributes = options.attributes;
    this.notGlobal = options.notGlobal ?? 0;
    this.executable = options.executable ?? 0;
    this.noExecuteHi = options.noExecuteHi ?? 0;
    this.mostSizes = options.mostSizes ?? MOST_SIZES;
    this.walker.prepare(this.root);
    const { links, linkTagA, linkTagB } = options;
    this.tables =
      links?.isOn === true
        ? new LowestTables(links, this.walker, this.root, linkTagA, linkTagB, this.noExecuteHi)
        : null;
    this.reads = this.tables === null ? this.root.straightLevels : 1;
  }
}
