import type { IommuBackend, IommuDomain, NestedDomain } from '../domain/index.js';
import type { FaultQueue } from './fault-queue.js';
import type { Ioas, IoasPageTable } from './ioas.js';
import { IommufdObject } from './object.js';

/** A page table that devices attach to: over an IOAS, or the user's own on top of such a one. */
export abstract class HwPageTable extends IommufdObject {
  readonly backend: IommuBackend;
  /** Where page requests of attached devices go; undefined: they are answered INVALID. */
  fault: FaultQueue | undefined;

  protected constructor(backend: IommuBackend) {
    super();
    this.backend = backend;
  }

  abstract readonly domain: IommuDomain | NestedDomain;
  /** The page table over an IOAS: itself or the parent. */
  abstract readonly paging: HwptPaging;

  /** From here on page requests of attached devices go to the queue. */
  deliverTo(fault: FaultQueue): void {
    this.fault = fault;
    fault.users++;
  }

  override references(): readonly IommufdObject[] {
    return this.fault === undefined ? [] : [this.fault];
  }

  destroy(): void {
    this.domain.free();
    if (this.fault !== undefined) this.fault.users--;
  }
}

/** A page table over an IOAS: holds what the IOAS maps. */
export class HwptPaging extends HwPageTable implements IoasPageTable {
  readonly kind = 'hwpt-paging';
  readonly ioas: Ioas;
  readonly domain: IommuDomain;
  readonly nestParent: boolean;
  automatic = false;
  enforcesCacheCoherency = false;
  /** Start of the window in which the driver maps MSI doorbells; set once for a domain. */
  msiWindow: bigint | undefined;
  /** Whether the domain is filled and kept in step with the IOAS. */
  inIoas = false;

  constructor(ioas: Ioas, backend: IommuBackend, domain: IommuDomain, nestParent: boolean) {
    super(backend);
    this.ioas = ioas;
    this.domain = domain;
    this.nestParent = nestParent;
    ioas.users++;
  }

  get paging(): HwptPaging {
    return this;
  }

  override references(): readonly IommufdObject[] {
    return [this.ioas, ...super.references()];
  }

  /** Enforces coherency once; false: the driver cannot. */
  enforceCacheCoherency(): boolean {
    this.enforcesCacheCoherency ||= this.domain.enforceCacheCoherency();
    return this.enforcesCacheCoherency;
  }

  override destroy(): void {
    if (this.inIoas) {
      this.ioas.hwpts.splice(this.ioas.hwpts.indexOf(this), 1);
      this.ioas.table.removeDomain(this.domain);
    }
    super.destroy();
    this.ioas.users--;
  }
}

/** The user's own page table on top of a nest parent. */
export class HwptNested extends HwPageTable {
  readonly kind = 'hwpt-nested';
  readonly parent: HwptPaging;
  readonly domain: NestedDomain;

  constructor(parent: HwptPaging, domain: NestedDomain) {
    super(parent.backend);
    this.parent = parent;
    this.domain = domain;
    parent.users++;
  }

  get paging(): HwptPaging {
    return this.parent;
  }

  override references(): readonly IommufdObject[] {
    return [this.parent, ...super.references()];
  }

  override destroy(): void {
    super.destroy();
    this.parent.users--;
  }
}
