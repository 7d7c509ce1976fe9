import {
  blockOf,
  iotlbOfDomain,
  iotlbOfPages,
  pasidIotlbOf,
  pasidIotlbOfPages,
  type Drain,
  type PageBlock,
} from './invalidations.js';

/** One unit as a domain sees it. */
export interface UnitPort {
  /** CAP.CM: entries that are not present may be cached. */
  readonly cachingMode: boolean;
  /** CAP.MAMV, or -1 without page-selective invalidation (CAP.PSI). */
  readonly maxAddressMask: number;
  readonly drain: Drain;
  /** Queues descriptors and waits until they are done. */
  submit(...descriptors: readonly bigint[]): number;
  /** Nothing unless the unit has a write buffer (CAP.RWBF). */
  flushWriteBuffer(): void;
}

/** Where a domain may be cached: on which unit and under which tags. */
interface CacheTag {
  readonly port: UnitPort;
  readonly domainId: number;
  readonly pasid: number;
  users: number;
}

/** Descriptors that Linux puts into one submission at most. */
const BATCH = 16;

/** Every place where translations of one domain may be cached, and the commands that drop them there. */
export class CacheTags {
  readonly #tags: CacheTag[] = [];
  /** First-stage translations are tagged with their PASID too, and dropped by the PASID-based command. */
  readonly #isFirstStage: boolean;

  constructor(isFirstStage: boolean) {
    this.#isFirstStage = isFirstStage;
  }

  /** True: no unit can have the domain in its caches. */
  get isEmpty(): boolean {
    return this.#tags.length === 0;
  }

  /** A device, or one of its PASIDs, uses the domain. */
  assign(port: UnitPort, domainId: number, pasid: number): void {
    const tag = this.#find(port, domainId, pasid);
    if (tag === undefined) this.#tags.push({ port, domainId, pasid, users: 1 });
    else tag.users++;
  }

  /** Takes back one {@link assign}. */
  unassign(port: UnitPort, domainId: number, pasid: number): void {
    const tag = this.#find(port, domainId, pasid)!;
    if (--tag.users === 0) this.#tags.splice(this.#tags.indexOf(tag), 1);
  }

  /** `[start, last]` was unmapped or changed. @param leafOnly no table was unlinked: paging-structure caches may stay */
  flushRange(start: bigint, last: bigint, leafOnly: boolean): void {
    const block = blockOf(start, last);
    this.#send((tag) => this.#invalidation(tag, block, leafOnly));
  }

  flushAll(): void {
    this.#send((tag) => this.#everything(tag));
  }

  /** `[start, last]` was not mapped and is now (VT-d 6.1, 6.8). */
  flushMapped(start: bigint, last: bigint): void {
    const block = blockOf(start, last);
    this.#send((tag) => {
      if (tag.port.cachingMode) return this.#invalidation(tag, block, false);
      tag.port.flushWriteBuffer();
      return undefined;
    });
  }

  #find(port: UnitPort, domainId: number, pasid: number): CacheTag | undefined {
    return this.#tags.find((tag) => tag.port === port && tag.domainId === domainId && tag.pasid === pasid);
  }

  /** MAMV limits blocks of second-stage pages only (CAP.MAMV). */
  #invalidation(tag: CacheTag, block: PageBlock, leafOnly: boolean): bigint {
    const { port, domainId, pasid } = tag;
    if (this.#isFirstStage) return pasidIotlbOfPages(domainId, pasid, block, leafOnly);
    return block.mask <= port.maxAddressMask
      ? iotlbOfPages(domainId, block, leafOnly, port.drain)
      : this.#everything(tag);
  }

  #everything({ port, domainId, pasid }: CacheTag): bigint {
    return this.#isFirstStage ? pasidIotlbOf(domainId, pasid) : iotlbOfDomain(domainId, port.drain);
  }

  /** One submission for neighbouring tags of one unit. */
  #send(describe: (tag: CacheTag) => bigint | undefined): void {
    let port: UnitPort | undefined;
    let batch: bigint[] = [];
    const submit = (): void => {
      if (batch.length > 0) port?.submit(...batch);
      batch = [];
    };
    for (const tag of this.#tags) {
      if (tag.port !== port || batch.length === BATCH) submit();
      port = tag.port;
      const descriptor = describe(tag);
      if (descriptor !== undefined) batch.push(descriptor);
    }
    submit();
  }
}
