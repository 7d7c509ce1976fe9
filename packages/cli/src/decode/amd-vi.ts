import { hex } from '@ioasis/core';
import { amdViLayouts, decodeEvent, parseEventLine, type DecodedEvent } from '@ioasis/hw-amd-vi';
import { CAUSES, type CauseGroup } from './causes.js';
import { requesterText, type Decoded } from './decoded.js';

/** Bits of `flags`: [59:48] of the event's first word (48882 2.5.2). */
const FLAG = { GN: 0x001, NX: 0x002, US: 0x004, I: 0x008, PR: 0x010, RW: 0x020, PE: 0x040, RZ: 0x080, TR: 0x100 };

const flagNames = (flags: number): string =>
  Object.entries(FLAG)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name)
    .join(' ') || 'none';

interface EventMeaning {
  readonly why: string;
  readonly check: string;
  readonly causes: CauseGroup;
}

/** What a page fault found; RW and PE have a meaning for present entries alone. */
function pageFault(flags: number): EventMeaning {
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const check = '48882 2.5.2';
  if (has(FLAG.I)) return { why: 'an interrupt that the device table entry blocks', check, causes: 'interrupt' };
  if (has(FLAG.RZ)) {
    return { why: 'a reserved bit, or an encoding that no level has, in an entry', check, causes: 'structure' };
  }
  if (!has(FLAG.PR))
    return { why: 'an entry with PR = 0, or an address beyond the tables', check, causes: 'notMapped' };
  return { why: 'a present page that does not allow this', check, causes: 'right' };
}

/** `flags` above bit 8 hold the type, bits [59:57] of the first word (48882 2.5.8). */
const TYPE_SHIFT = 9;
const INVALID_REQUESTS: readonly string[] = [
  'a read or a non-posted write in the interrupt range',
  'a translation or translated request where the device table entry has I = 0',
  'port I/O space where IoCtl does not allow it',
  'the system management range where SysMgt does not allow it',
  'the HyperTransport interrupt range where IntCtl does not allow it',
  'a reserved HyperTransport interrupt',
  'an address in the system management range where only messages are allowed',
];

const EVENTS: Readonly<Record<string, (flags: number) => EventMeaning>> = {
  ILLEGAL_DEV_TABLE_ENTRY: (flags) => ({
    why:
      (flags & FLAG.RZ) === 0
        ? 'a DeviceID beyond the device table'
        : 'a reserved bit or value in the device table entry',
    check: '48882 2.5.1',
    causes: 'structure',
  }),
  IO_PAGE_FAULT: pageFault,
  DEV_TAB_HARDWARE_ERROR: () => ({
    why: 'no memory answered for the device table entry',
    check: '48882 2.5.3',
    causes: 'memory',
  }),
  PAGE_TAB_HARDWARE_ERROR: () => ({
    why: 'no memory answered for a page table entry',
    check: '48882 2.5.4',
    causes: 'memory',
  }),
  ILLEGAL_COMMAND_ERROR: () => ({
    why: 'a reserved opcode or field in a command; the queue has stopped',
    check: '48882 2.5.5',
    causes: 'command',
  }),
  COMMAND_HARDWARE_ERROR: () => ({
    why: 'no memory answered for a command or its store',
    check: '48882 2.5.6',
    causes: 'memory',
  }),
  IOTLB_INV_TIMEOUT: () => ({
    why: 'a device did not complete the invalidation of its TLB',
    check: '48882 2.5.7',
    causes: 'device',
  }),
  INVALID_DEVICE_REQUEST: (flags) => ({
    why: INVALID_REQUESTS[flags >> TYPE_SHIFT] ?? 'a kind of request that the device table entry does not allow',
    check: '48882 2.5.8',
    causes: 'ats',
  }),
  INVALID_PPR_REQUEST: () => ({
    why: 'a page request of a device that may not make any',
    check: '48882 2.5.9',
    causes: 'ats',
  }),
};

/** The kind of access, where the event tells it. */
function accessOf(name: string, flags: number): string {
  const isTold = name !== 'IO_PAGE_FAULT' || (flags & (FLAG.PR | FLAG.TR | FLAG.I)) === FLAG.PR;
  if ((flags & FLAG.TR) !== 0) return 'a translation request';
  if ((flags & FLAG.I) !== 0) return 'an interrupt request';
  if (!isTold) return 'a read or a write (RW says nothing here)';
  return (flags & FLAG.RW) === 0 ? 'a read' : 'a write';
}

/** Decodes an event as far as Linux's line goes. */
function decodeAmdEvent(event: DecodedEvent, line?: number): Decoded {
  const { name, device, domain, pasid, tag, flags, address } = event;
  const what = `AMD-Vi event ${name}${flags === undefined ? '' : `, flags ${hex(flags)}: ${flagNames(flags)}`}`;
  const who = [
    device === undefined ? '' : requesterText(device),
    device === undefined || flags === undefined ? '' : accessOf(name, flags),
    domain === undefined ? '' : `domain ${hex(domain)}`,
    pasid === undefined ? '' : `PASID ${hex(pasid)}`,
    tag === undefined ? '' : `tag ${hex(tag)}`,
  ].filter(Boolean);
  const meaning = EVENTS[name]?.(flags ?? 0);
  const where = name.includes('HARDWARE') || name.includes('COMMAND') ? 'physical address' : 'address';
  return {
    line,
    what,
    ...(who.length === 0 ? {} : { who: who.join(', ') }),
    ...(address === undefined ? {} : { where: `${where} ${hex(address)}` }),
    ...(meaning === undefined ? {} : { why: meaning.why, check: meaning.check, causes: CAUSES[meaning.causes] }),
  };
}

/** An event log entry. @param record 128 bits */
export const decodeAmdRecord = (record: bigint): Decoded => ({
  ...decodeAmdEvent(decodeEvent([record & ((1n << 64n) - 1n), record >> 64n])),
  fields: Object.entries(amdViLayouts.EVENT.decode(record)),
});

/** Reads an event of Linux's log; older kernels print devices without their segment. @returns undefined: not such a line */
export function parseAmdLine(text: string, line: number): Decoded | undefined {
  const at = text.indexOf('AMD-Vi: Event logged');
  if (at < 0) return undefined;
  const device = /([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): $/.exec(text.slice(0, at))?.[1];
  const event = text.slice(at).replace(/device=([0-9a-f]{2}:[0-9a-f]{2}\.)/, 'device=0000:$1');
  const parsed = parseEventLine(device === undefined ? event : `device ${device}: ${event}`);
  return parsed === undefined ? undefined : decodeAmdEvent(parsed, line);
}
