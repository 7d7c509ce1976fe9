import { hex, lo32 } from '@ioasis/core';
import { EVENT, EventCode, INVALID_PPR_EVENT, type EventName } from '../layouts/events.js';

/** An event as Linux's log shows it: what the line of its kind has, and nothing else. Numbers are as the bits of the event are. */
export interface DecodedEvent {
  readonly name: EventName | 'UNKNOWN';
  /** Bus << 8 | device << 3 | function. */
  readonly device?: number;
  readonly domain?: number;
  /** 20 bits. Where the event has no PASID, Linux prints the DomainID here. */
  readonly pasid?: number;
  /** Completion tag of a page request. */
  readonly tag?: number;
  /** Bits [59:48] of the first word. */
  readonly flags?: number;
  readonly address?: bigint;
  /** The four 32-bit words of an event that Linux does not know. */
  readonly words?: readonly number[];
}

type Field = 'device' | 'domain' | 'pasid' | 'tag' | 'flags' | 'address';

/** How one field is printed: its key, digits that it is padded to (0: as many as it needs), and its bits. */
interface FieldText {
  readonly field: Field;
  readonly digits: number;
  readonly bits: (event: bigint) => bigint;
}

const device: FieldText = { field: 'device', digits: 0, bits: (event) => EVENT.get(event, 'DEVICE_ID') };
const domain: FieldText = { field: 'domain', digits: 4, bits: (event) => EVENT.get(event, 'DOMAIN_ID') };
const pasidBits = (event: bigint): bigint => (EVENT.get(event, 'PASID_19_16') << 16n) | EVENT.get(event, 'DOMAIN_ID');
const pasid: FieldText = { field: 'pasid', digits: 5, bits: pasidBits };
const shortPasid: FieldText = { ...pasid, digits: 4 };
const flags: FieldText = { field: 'flags', digits: 4, bits: (event) => (event >> 48n) & 0xfffn };
const address: FieldText = { field: 'address', digits: 0, bits: (event) => event >> 64n };
const pprPasid: FieldText = {
  ...pasid,
  bits: (event) => (INVALID_PPR_EVENT.get(event, 'PASID_19_16') << 16n) | INVALID_PPR_EVENT.get(event, 'PASID_15_0'),
};
const tag: FieldText = { field: 'tag', digits: 3, bits: (event) => INVALID_PPR_EVENT.get(event, 'TAG') };

/** The fields of each event's line, in Linux 6.12's order. Events that are not here are "UNKNOWN" to it. */
const LINES: ReadonlyMap<EventName, readonly FieldText[]> = new Map<EventName, readonly FieldText[]>([
  ['ILLEGAL_DEV_TABLE_ENTRY', [device, pasid, address, flags]],
  ['IO_PAGE_FAULT', [device, domain, address, flags]],
  ['DEV_TAB_HARDWARE_ERROR', [device, address, flags]],
  ['PAGE_TAB_HARDWARE_ERROR', [device, shortPasid, address, flags]],
  ['ILLEGAL_COMMAND_ERROR', [address]],
  ['COMMAND_HARDWARE_ERROR', [address, flags]],
  ['IOTLB_INV_TIMEOUT', [device, address]],
  ['INVALID_DEVICE_REQUEST', [device, pasid, address, flags]],
  ['INVALID_PPR_REQUEST', [device, pprPasid, address, flags, tag]],
]);
const NAMES = new Map<number, EventName>(
  (Object.entries(EventCode) as [EventName, number][]).map(([name, code]) => [code, name]),
);

/** Decodes an event as far as Linux's line of its kind goes. @param words two 64-bit words, lowest first */
export function decodeEvent(words: readonly [bigint, bigint]): DecodedEvent {
  const event = words[0] | (words[1] << 64n);
  const name = NAMES.get(Number(EVENT.get(event, 'CODE')));
  const line = name === undefined ? undefined : LINES.get(name);
  if (name === undefined || line === undefined) {
    return { name: 'UNKNOWN', words: [0n, 32n, 64n, 96n].map((shift) => lo32(event >> shift) >>> 0) };
  }
  const decoded: Record<string, unknown> = { name };
  for (const { field, bits } of line) {
    const value = bits(event);
    decoded[field] = field === 'address' ? value : Number(value);
  }
  return decoded as unknown as DecodedEvent;
}

const padded = (value: number | bigint, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** `0000:00:02.0` */
function deviceText(id: number): string {
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  return `0000:${two(id >> 8)}:${two((id >> 3) & 31)}.${id & 7}`;
}

/** The line that Linux 6.12 logs for an event of a device that it has no driver data for. */
export function eventLine(event: DecodedEvent): string {
  const line = event.name === 'UNKNOWN' ? undefined : LINES.get(event.name);
  // Linux forgets the closing bracket here.
  if (line === undefined) {
    const words = (event.words ?? []).map((word, index) => ` event[${index}]=${padded(word, 8)}`);
    return `AMD-Vi: Event logged [UNKNOWN${words.join('')}`;
  }
  const parts = line.map(({ field, digits }) => {
    const value = event[field] ?? 0;
    return `${field}=${field === 'device' ? deviceText(Number(value)) : digits > 0 ? padded(value, digits) : hex(value)}`;
  });
  return `AMD-Vi: Event logged [${event.name} ${parts.join(' ')}]`;
}

const LINE = /^(?:\S+ [0-9a-f]{4}:([0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): )?AMD-Vi: Event logged \[(\w+)(.*?)\]?$/;

function deviceOf(text: string): number {
  const [bus = '', rest = ''] = text.split(':');
  const [slot = '', fn = ''] = rest.split('.');
  return (Number.parseInt(bus, 16) << 8) | (Number.parseInt(slot, 16) << 3) | Number.parseInt(fn, 16);
}

/**
 * Reads a line back, also one of a device that Linux knows: `vfio-pci 0000:00:02.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=...]`.
 * @returns undefined: not such a line
 */
export function parseEventLine(text: string): DecodedEvent | undefined {
  const match = LINE.exec(text);
  if (match === null) return undefined;
  const [, prefix, name, rest = ''] = match;
  const values = new Map<string, string>();
  for (const part of rest.trim().split(' ')) {
    const at = part.indexOf('=');
    if (at > 0) values.set(part.slice(0, at), part.slice(at + 1));
  }
  if (name === 'UNKNOWN') {
    return { name, words: [0, 1, 2, 3].map((index) => Number(values.get(`event[${index}]`))) };
  }
  const line = LINES.get(name as EventName);
  if (line === undefined) return undefined;
  const decoded: Record<string, unknown> = { name };
  for (const { field } of line) {
    const value = values.get(field);
    if (field === 'device') {
      const id = value?.slice('0000:'.length) ?? prefix;
      if (id === undefined) return undefined;
      decoded[field] = deviceOf(id);
    } else {
      if (value === undefined) return undefined;
      decoded[field] = field === 'address' ? BigInt(value) : Number(value);
    }
  }
  return decoded as unknown as DecodedEvent;
}
