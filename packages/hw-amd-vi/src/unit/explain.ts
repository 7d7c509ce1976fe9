import {
  Access,
  hi32,
  join64,
  lo32,
  NO_PASID,
  RadixWalker,
  WalkStop,
  type CarefulWalker,
  type PhysicalMemory,
  type TranslationWalk,
  type WalkStep,
} from '@ioasis/core';
import { HOST_FORMAT } from '../format/host-v1.js';
import { DEVICE_TABLE_ENTRY } from '../layouts/device-table-entry.js';
import { EventCode, type EventName } from '../layouts/events.js';
import { HOST_PDE, HOST_PTE } from '../layouts/page-table-entries.js';
import { DeviceAction } from './device-entry.js';
import type { DeviceTable } from './device-table.js';

const everything = Access.READ | Access.WRITE;

/**
 * The translation of a request without PASID by the tables as they are: no cache, no event, no accessed bits.
 * Requests with a PASID are explained up to their device table entry.
 */
export function explainWalk(
  memory: PhysicalMemory,
  enabled: boolean,
  deviceTable: DeviceTable,
  deviceId: number,
  pasid: number,
  iova: bigint,
  access: number,
): TranslationWalk {
  const steps: WalkStep[] = [];
  const faulted = (name: EventName): TranslationWalk => ({
    steps,
    pa: undefined,
    pageBytes: undefined,
    readable: false,
    writable: false,
    fault: { code: EventCode[name], name },
  });
  const identity = (rights: number): TranslationWalk => ({
    steps,
    pa: iova,
    pageBytes: undefined,
    readable: (rights & Access.READ) !== 0,
    writable: (rights & Access.WRITE) !== 0,
    fault: undefined,
  });
  if (!enabled) return identity(everything);
  const entry = deviceTable.fetch(deviceId);
  if (entry === 'beyond-table') return faulted('ILLEGAL_DEV_TABLE_ENTRY');
  if (entry === 'no-memory') return faulted('DEV_TAB_HARDWARE_ERROR');
  const dte = deviceTable.words.reduceRight((value, word) => (value << 32n) | BigInt(word >>> 0), 0n);
  steps.push({
    what: 'DTE',
    address: join64(deviceTable.entryHi, deviceTable.entryLo),
    words: [0n, 64n, 128n, 192n].map((shift) => BigInt.asUintN(64, dte >> shift)),
    fields: DEVICE_TABLE_ENTRY.decode(dte),
  });
  if (entry.action === DeviceAction.FORWARD) return identity(everything);
  if (entry.action === DeviceAction.ILLEGAL) return faulted('ILLEGAL_DEV_TABLE_ENTRY');
  if (entry.action === DeviceAction.BLOCK || pasid !== NO_PASID) return faulted('IO_PAGE_FAULT');
  if ((access & everything & ~entry.rights) !== 0) return faulted('IO_PAGE_FAULT');
  if (entry.host === null) return identity(entry.rights);

  const walker = new RadixWalker({ memory, format: HOST_FORMAT });
  walker.isWatched = true;
  walker.visitor = { entryRead: (at) => steps.push(stepOf(at)) };
  const isAllowed = walker.walk(entry.host, hi32(iova), lo32(iova), access & everything);
  if (!isAllowed) return faulted(walker.stop === WalkStop.ABORT ? 'PAGE_TAB_HARDWARE_ERROR' : 'IO_PAGE_FAULT');
  const rights = walker.permissions(false) & entry.rights;
  return {
    steps,
    pa: join64(walker.paHi, walker.paLo),
    pageBytes: 1n << BigInt(walker.pageShift),
    readable: (rights & Access.READ) !== 0,
    writable: (rights & Access.WRITE) !== 0,
    fault: undefined,
  };
}

function stepOf(walker: CarefulWalker): WalkStep {
  const word = join64(walker.entryHi, walker.entryLo);
  const nextLevel = HOST_PDE.get(word, 'NEXT_LEVEL');
  const isPage = nextLevel === 0n || nextLevel === 7n;
  return {
    what: `host ${isPage ? 'PTE' : 'PDE'} level ${walker.level + 1}`,
    address: join64(walker.entryAddressHi, walker.entryAddressLo),
    words: [word],
    fields: isPage ? HOST_PTE.decode(word) : HOST_PDE.decode(word),
  };
}
