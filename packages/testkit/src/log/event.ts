import type { CacheFill, HardwareFault, Range64, UnitInvalidation } from '@ioasis/core';
import type { TraceOp } from '../trace/index.js';

/** A call that software made and that had an effect on the IOMMU: an ioctl, a call of the driver, or what a test calls one. */
export interface Operation {
  /** Step at which it began. */
  readonly step: number;
  /** `IOMMU_IOAS_UNMAP`, `VFIO_IOMMU_MAP_DMA`, `unmapPages`, or the name that a test gave it. */
  readonly name: string;
  /** Decoded arguments, as text; empty without any. */
  readonly detail: string;
  /** Where the program called it, `file:line:column`; undefined when that is not known. */
  readonly site: string | undefined;
  /** Who made it: `program`: whoever uses the driver; `driver`: the driver, behind the contracts of domains and backends. */
  readonly by: 'program' | 'driver';
  /** The operation that it is part of. */
  readonly within: Operation | undefined;
  /** Step at which it returned; undefined while it runs. */
  returned: number | undefined;
}

/** One 64-bit word of memory that changed. */
export interface ChangedWord {
  readonly address: bigint;
  readonly before: bigint;
  readonly after: bigint;
}

/** What happened, without when. Units are numbered in the order in which they were first seen. */
export type Happening =
  | { readonly kind: 'call'; readonly call: Operation; readonly outcome?: string }
  | { readonly kind: 'return'; readonly call: Operation; readonly outcome?: string }
  | {
      readonly kind: 'map';
      /** Domains are numbered in the order in which they were allocated. */
      readonly domain: number;
      readonly range: Range64;
      readonly pa: bigint;
      readonly prot: number;
    }
  | {
      readonly kind: 'unmap';
      readonly domain: number;
      readonly range: Range64;
      /** Which gather has to be synchronized before the driver has kept its promise. */
      readonly gather: number;
    }
  | {
      /** The driver says that no unit uses what was true before. `gather`: only what this one holds. */
      readonly kind: 'sync';
      readonly domain: number;
      readonly of: 'map' | 'unmap' | 'all';
      readonly gather?: number;
    }
  | {
      readonly kind: 'attach';
      readonly requesterId: number;
      readonly pasid: number;
      /** Undefined: detached. */
      readonly domain: number | undefined;
    }
  | {
      /** Words of tables, structures or queues. `device`: the unit or a device wrote, else software. */
      readonly kind: 'write';
      readonly by: 'software' | 'device';
      readonly words: readonly ChangedWord[];
    }
  | { readonly kind: 'register'; readonly unit: number; readonly offset: number; readonly value: bigint }
  | { readonly kind: 'command'; readonly unit: number; readonly name: string; readonly words: readonly number[] }
  | { readonly kind: 'invalidation'; readonly unit: number; readonly invalidation: UnitInvalidation }
  | { readonly kind: 'fill'; readonly unit: number; readonly fill: CacheFill }
  | {
      /** One piece of a DMA, or a translation request of a device. */
      readonly kind: 'dma';
      readonly unit: number;
      readonly requesterId: number;
      readonly pasid: number;
      readonly iova: bigint;
      /** OR of `Access`. */
      readonly access: number;
      /** Undefined: refused. */
      readonly pa: bigint | undefined;
      readonly from: 'iotlb' | 'walk' | 'device-tlb';
      /** Entries that the unit read for it. */
      readonly reads: number;
    }
  | { readonly kind: 'fault'; readonly unit: number; readonly fault: HardwareFault }
  | {
      /** A system call as `iommu-trace/1` has it, without its place; only where an `EventLog` listens. */
      readonly kind: 'system-call';
      readonly pid: number;
      readonly record: CallRecord;
    };

/** A step of a trace before it has a number and a scenario. */
export type CallRecord = { readonly op: TraceOp } & Readonly<Record<string, unknown>>;

/** Something that happened at a step of the log's clock. */
export type LogEvent = Happening & {
  /** Counts from 1, one for each event. */
  readonly step: number;
  /** The innermost call that was running. */
  readonly during: Operation | undefined;
};

/** Name of a kind of event. */
export type LogEventKind = LogEvent['kind'];

/** The events of one kind. */
export type EventOf<Kind extends LogEventKind> = Extract<LogEvent, { readonly kind: Kind }>;

/** The outermost call that an event was part of. */
export function outermost(call: Operation | undefined): Operation | undefined {
  let found = call;
  while (found?.within !== undefined) found = found.within;
  return found;
}
