import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { hex } from '@ioasis/core';
import { smmuv3EventAnswer, VtdFaultRegister } from '../scenario/answers.js';
import type { Answer, DmaStep, UnitName } from '../scenario/format.js';
import type { QemuMachine, Witnessed } from './qemu-machine.js';

/*
 * What an access came to, read from QEMU's trace events, its registers and memory.
 */

const PAGE = 0x1000n;
/** x86 devices can always write here: an interrupt message, whose words are traced. */
const MESSAGES = 0xfeef_e000n;

interface Piece {
  readonly iova: bigint;
  readonly bytes: number;
  readonly at: number;
}

function piecesOf(step: DmaStep): Piece[] {
  const pieces: Piece[] = [];
  const length = Number(step.len);
  for (let at = 0; at < length;) {
    const iova = BigInt.asUintN(64, BigInt(step.iova) + BigInt(at));
    const bytes = Math.min(Number(PAGE - (iova % PAGE)), length - at);
    pieces.push({ iova, bytes, at });
    at += bytes;
  }
  return pieces;
}

const statusOf = (allowed: readonly boolean[]): string =>
  allowed.every(Boolean) ? 'ok' : allowed.some(Boolean) ? 'partial' : 'blocked';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Whether a piece happened: a read brought more than zeroes, a write is in memory. */
async function happened(
  machine: QemuMachine,
  step: DmaStep,
  piece: Piece,
  pa: bigint,
  seen: Witnessed,
): Promise<boolean> {
  const memory = await machine.load(pa, piece.bytes);
  if (step.dir === 'write') {
    return same(memory, Buffer.from(step.data ?? '', 'hex').subarray(piece.at, piece.at + piece.bytes));
  }
  const brought = seen.brought?.subarray(piece.at, piece.at + piece.bytes) ?? new Uint8Array();
  return same(brought, memory) && brought.some((byte) => byte !== 0);
}

/** @param target where a piece would go; undefined: refused for certain */
async function segments(
  machine: QemuMachine,
  step: DmaStep,
  seen: Witnessed,
  targets: (piece: Piece) => readonly bigint[],
): Promise<Answer> {
  const found: (bigint | undefined)[] = [];
  const pieces = piecesOf(step);
  for (const piece of pieces) {
    let pa: bigint | undefined;
    for (const target of targets(piece)) {
      if (pa === undefined && (await happened(machine, step, piece, target, seen))) pa = target;
    }
    found.push(pa);
  }
  return {
    status: statusOf(found.map((pa) => pa !== undefined)),
    segments: pieces.map(({ iova, bytes }, index) => {
      const pa = found[index];
      return { iova: hex(iova), len: bytes, pa: pa === undefined ? null : hex(pa) };
    }),
    ...(seen.brought !== undefined && { data: Buffer.from(seen.brought).toString('hex') }),
  };
}

async function vtd(machine: QemuMachine, step: DmaStep): Promise<Answer> {
  const seen = await machine.access(step, MESSAGES);
  const found = [...seen.trace.matchAll(/vtd_dmar_translate dev \S+ iova 0x(\w+) -> gpa 0x(\w+) mask 0x(\w+)/g)].map(
    ([, iova, gpa, mask]) => ({ iova: BigInt(`0x${iova}`), gpa: BigInt(`0x${gpa}`), mask: BigInt(`0x${mask}`) }),
  );
  const raised = [...seen.trace.matchAll(/vtd_dmar_fault sid 0x(\w+) fault (\d+) addr 0x(\w+) write (\d)/g)].map(
    ([, sid, fault, address, write]) => ({
      reason: Number(fault),
      iova: hex(BigInt(`0x${address}`) & ~(PAGE - 1n)),
      rid: hex(Number.parseInt(sid!, 16)),
      write: write === '1',
    }),
  );
  // QEMU asks again for each word of a refused page.
  const faults = raised.filter((fault, at) => !isDeepStrictEqual(fault, raised[at - 1]));
  const answered = await segments(machine, step, seen, ({ iova }) => {
    const hit = found.find((entry) => (iova & ~entry.mask) === (entry.iova & ~entry.mask));
    if (hit !== undefined) return [(hit.gpa & ~hit.mask) | (iova & hit.mask)];
    // Nothing traced and no fault: translation is off, or passes this requester through.
    return faults.length > 0 ? [] : [iova];
  });
  const register = async (offset: number, size: 4 | 8): Promise<string> =>
    hex(await machine.readRegister(offset, size));
  return {
    ...answered,
    ...(faults.length > 0 && { faults }),
    ...(seen.trace.includes('vtd_fault_disabled') && { suppressed: true }),
    registers: {
      FSTS: await register(VtdFaultRegister.FSTS, 4),
      FRCD_LO: await register(VtdFaultRegister.FRCD_LO, 8),
      FRCD_HI: await register(VtdFaultRegister.FRCD_HI, 8),
    },
  };
}

/** log2 of the sizes that an AMD page may have. */
const AMD_PAGES = Array.from({ length: 40 }, (_, index) => BigInt(index + 12));

async function amdvi(machine: QemuMachine, step: DmaStep): Promise<Answer> {
  const seen = await machine.access(step, MESSAGES);
  const found = [...seen.trace.matchAll(/amdvi_translation_result devid: \S+ gpa 0x(\w+) hpa 0x(\w+)/g)].map(
    ([, gpa, hpa]) => ({ gpa: BigInt(`0x${gpa}`), hpa: BigInt(`0x${hpa}`) }),
  );
  return segments(machine, step, seen, ({ iova }) => {
    // One translation may cover several pieces; the size of its page is not traced: what is in memory tells.
    const hit = found.findLast(({ gpa }) => gpa <= iova);
    if (hit === undefined) return [iova];
    const masks = AMD_PAGES.map((shift) => (1n << shift) - 1n);
    return [...new Set(masks.map((mask) => ((hit.hpa & ~mask) | (hit.gpa & mask)) + (iova - hit.gpa)))];
  });
}

/** Registers of the event queue. */
const EVENTQ_BASE = 0xa0;
const EVENTQ_PROD = 0xa8;
const EVENT_BYTES = 32;
const F_CD_FETCH = 0x09;
/** Names of the events that this unit has, by type. */
const EVENTS: Readonly<Record<number, string>> = {
  0x01: 'F_UUT',
  0x02: 'C_BAD_STREAMID',
  0x03: 'F_STE_FETCH',
  0x04: 'C_BAD_STE',
  0x06: 'F_STREAM_DISABLED',
  0x07: 'F_TRANSL_FORBIDDEN',
  0x08: 'C_BAD_SUBSTREAMID',
  0x09: 'F_CD_FETCH',
  0x0a: 'C_BAD_CD',
  0x0b: 'F_WALK_EABT',
  0x10: 'F_TRANSLATION',
  0x11: 'F_ADDR_SIZE',
  0x12: 'F_ACCESS',
  0x13: 'F_PERMISSION',
};
const QUEUE_ADDRESS = 0x000f_ffff_ffff_ffe0n;

async function newEvents(machine: QemuMachine, before: bigint): Promise<Answer[]> {
  const base = await machine.readRegister(EVENTQ_BASE, 8);
  const after = await machine.readRegister(EVENTQ_PROD, 4);
  const mask = (1n << (base & 0x1fn)) - 1n;
  const wrap = mask * 2n + 1n;
  const events: Answer[] = [];
  for (let at = before & wrap; at !== (after & wrap); at = (at + 1n) & wrap) {
    const bytes = await machine.load((base & QUEUE_ADDRESS) + (at & mask) * BigInt(EVENT_BYTES), EVENT_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, EVENT_BYTES);
    const record = [0, 8, 16, 24].map((offset) => view.getBigUint64(offset, true));
    const event = smmuv3EventAnswer(record);
    // QEMU keeps the address of a CD that it cannot fetch one word too low.
    const fetch = event['type'] === F_CD_FETCH ? { fetch: hex(record[2]!) } : {};
    events.push({ name: EVENTS[Number(event['type'])], ...event, ...fetch });
  }
  return events;
}

const HOW: Readonly<Record<string, string>> = {
  success: 'ok',
  bypass: 'bypass',
  disable: 'disable',
  abort: 'abort',
};
/** A virt machine's IOVAs end here: what lies above does not reach the unit. */
const IOVA_END = 1n << 48n;

async function smmuv3(machine: QemuMachine, step: DmaStep): Promise<Answer> {
  const before = await machine.readRegister(EVENTQ_PROD, 4);
  const seen = await machine.access(step, undefined);
  const ways = [...seen.trace.matchAll(/smmuv3_translate_(\w+) (?:.*translated=0x(\w+))?/g)].map(
    ([, way, translated]) => ({ how: HOW[way!] ?? way!, pa: translated }),
  );
  const pieces = piecesOf(step);
  const iova = BigInt(step.iova);
  const events = await newEvents(machine, before);
  const first = ways[0]?.how ?? (iova >= IOVA_END ? 'no-translation' : 'fault');
  const allowed = pieces.map((_, index) => ['ok', 'bypass', 'disable'].includes(ways[index]?.how ?? 'fault'));
  const pa = ways[0]?.pa === undefined ? iova : BigInt(`0x${ways[0].pa}`);
  const single = pieces.length === 1 && allowed[0] === true;
  return {
    status: statusOf(allowed),
    how: first,
    ...(single && { pa: hex(pa) }),
    ...(single &&
      step.dir === 'read' && { data: Buffer.from(await machine.load(pa, Number(step.len))).toString('hex') }),
    ...(events.length > 0 && { events }),
  };
}

/** Lets a machine do a `dma` step and says what it came to, by unit. */
export const witnesses: Readonly<Record<UnitName, (machine: QemuMachine, step: DmaStep) => Promise<Answer>>> = {
  vtd,
  amdvi,
  smmuv3,
};
