import { frameAddress, hex, type FrameAllocator, type MmioWindow, type PhysicalMemory } from '@ioasis/core';
import { EVENT, EVENT_BYTES, EventCode, type EventName } from '../layouts/events.js';
import { Register } from '../layouts/register-offsets.js';
import { STATUS } from '../layouts/registers.js';

/** 8 KiB: 512 events, as Linux allocates. */
const ORDER = 1;
const ENTRIES = 512;
const LENGTH_CODE = 9;
/** Oldest events are forgotten, as in a kernel log. */
const KEPT_EVENTS = 4096;

/** An event as the driver read it. */
export interface LoggedEvent {
  readonly name: EventName | 'UNKNOWN';
  /** 64-bit words, lowest first. */
  readonly words: readonly [bigint, bigint];
  /** The line in Linux's log. */
  readonly line: string;
}

const names = new Map<number, EventName>(
  (Object.entries(EventCode) as [EventName, number][]).map(([name, code]) => [code, name]),
);

/** The driver's end of the event log: reads entries, zeroes them and gives the slots back. */
export class EventReader {
  readonly baseRegister: bigint;
  readonly events: LoggedEvent[] = [];
  readonly #memory: PhysicalMemory;
  readonly #mmio: MmioWindow;
  readonly #base: bigint;

  /** @throws RangeError without memory for the log */
  constructor(memory: PhysicalMemory, frames: FrameAllocator, mmio: MmioWindow) {
    this.#memory = memory;
    this.#mmio = mmio;
    const frame = frames.allocate(ORDER);
    if (frame < 0) throw new RangeError('amdVi: no memory for the event log');
    this.#base = frameAddress(frame);
    this.baseRegister = this.#base | (BigInt(LENGTH_CODE) << 56n);
  }

  /** Acknowledges the interrupt, then reads up to the tail. */
  drain(): void {
    this.#mmio.write64(Register.STATUS, 0, Number(STATUS.mask('EVENT_LOG_INT')));
    let head = this.#mmio.read32(Register.EVENT_LOG_HEAD);
    const tail = this.#mmio.read32(Register.EVENT_LOG_TAIL);
    while (head !== tail) {
      const at = this.#base + BigInt(head);
      const bytes = new Uint8Array(EVENT_BYTES);
      this.#memory.read(at, bytes);
      // A slot whose code is still 0 was not written yet: hardware moves the tail first on some parts.
      this.#memory.write(at, new Uint8Array(EVENT_BYTES));
      const view = new DataView(bytes.buffer);
      this.#keep([view.getBigUint64(0, true), view.getBigUint64(8, true)]);
      head = (head + EVENT_BYTES) % (ENTRIES * EVENT_BYTES);
      this.#mmio.write64(Register.EVENT_LOG_HEAD, 0, head);
    }
  }

  #keep(words: readonly [bigint, bigint]): void {
    const name = names.get(Number(EVENT.get(words[0], 'CODE'))) ?? 'UNKNOWN';
    this.events.push({ name, words, line: logLine(name, words) });
    if (this.events.length > KEPT_EVENTS) this.events.shift();
  }
}

/** The line that Linux 6.12 logs for an event of a device that it has no driver data for. */
export function logLine(name: EventName | 'UNKNOWN', words: readonly [bigint, bigint]): string {
  const event = words[0] | (words[1] << 64n);
  const { DEVICE_ID, DOMAIN_ID, PASID_19_16 } = EVENT.decode(event);
  const id = Number(DEVICE_ID);
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  const device = `device=0000:${two(id >> 8)}:${two((id >> 3) & 31)}.${id & 7}`;
  const flags = `0x${((words[0] >> 48n) & 0xfffn).toString(16).padStart(4, '0')}`;
  const address = hex(words[1]);
  const pasid = `0x${((PASID_19_16 << 16n) | DOMAIN_ID).toString(16).padStart(5, '0')}`;
  switch (name) {
    case 'IO_PAGE_FAULT':
      return `AMD-Vi: Event logged [IO_PAGE_FAULT ${device} domain=0x${DOMAIN_ID.toString(16).padStart(4, '0')} address=${address} flags=${flags}]`;
    case 'ILLEGAL_DEV_TABLE_ENTRY':
    case 'INVALID_DEVICE_REQUEST':
      return `AMD-Vi: Event logged [${name} ${device} pasid=${pasid} address=${address} flags=${flags}]`;
    case 'DEV_TAB_HARDWARE_ERROR':
      return `AMD-Vi: Event logged [${name} ${device} address=${address} flags=${flags}]`;
    case 'PAGE_TAB_HARDWARE_ERROR':
      return `AMD-Vi: Event logged [${name} ${device} pasid=${pasid} address=${address} flags=${flags}]`;
    case 'ILLEGAL_COMMAND_ERROR':
      return `AMD-Vi: Event logged [${name} address=${address}]`;
    case 'COMMAND_HARDWARE_ERROR':
      return `AMD-Vi: Event logged [${name} address=${address} flags=${flags}]`;
    case 'IOTLB_INV_TIMEOUT':
      return `AMD-Vi: Event logged [${name} ${device} address=${address}]`;
    default:
      return `AMD-Vi: Event logged [${name} event[0]=${hex(words[0])} event[1]=${hex(words[1])}]`;
  }
}
