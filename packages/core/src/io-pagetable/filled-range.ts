import type { RunMapper } from '../domain/map-run.js';
import type { FailureSource } from '../memory/index.js';
import { IndexInterval } from './interval-tree.js';

/** What an area knows of the table that it belongs to. */
export interface AreaTable {
  /** PAGE_SIZE of the machine, bytes. */
  readonly pageSize: number;
  /** Every page is mapped by a call of its own, so that areas can be cut. */
  readonly largePagesDisabled: boolean;
  readonly failure: FailureSource | null;
  /** Notes that something is wrong which no caller can have caused. */
  warn(message: string): void;
}

/** Pages `[firstIndex, lastIndex]` of a page array as an area shows them, first and last page perhaps in part. */
export abstract class FilledRange extends IndexInterval {
  abstract readonly table: AreaTable;
  /** Bytes into the first page at which the area starts. */
  abstract readonly pageOffset: number;
  /** OR of `Prot` bits. */
  abstract readonly prot: number;
  /** First IOVA. */
  abstract readonly iova: bigint;
  /** The domain whose tables keep the frame numbers; null while no domain holds them. */
  storage: RunMapper | null = null;

  /** Key page of the first IOVA that shows page `index`. */
  abstract keyPageOf(index: number): number;
  /** Byte within {@link keyPageOf}. */
  abstract keyByteOf(index: number): number;
  /** Bytes of IOVA that pages `[first, last]` take. */
  abstract bytesOf(first: number, last: number): number;
}
