import type { IommuDomain } from '../domain/index.js';
import type { IoPageTable } from '../io-pagetable/index.js';
import { IommufdObject } from './object.js';

/** What an IOAS knows of the page tables over it. */
export interface IoasPageTable extends IommufdObject {
  readonly domain: IommuDomain;
  /** Whether attach made it by itself; only such a table is shared by further devices. */
  readonly automatic: boolean;
  readonly enforcesCacheCoherency: boolean;
}

/** An IO address space: which IOVA reaches which memory, copied into every page table over it. */
export class Ioas extends IommufdObject {
  readonly kind = 'ioas';
  readonly table: IoPageTable;
  /** Page tables over this IOAS in the order in which they were made. */
  readonly hwpts: IoasPageTable[] = [];

  constructor(table: IoPageTable) {
    super();
    this.table = table;
  }

  /** Unmaps everything. */
  destroy(): void {
    this.table.destroy();
  }
}
