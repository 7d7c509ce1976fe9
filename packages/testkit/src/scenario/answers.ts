import { Buffer } from 'node:buffer';
import { hex, read64, type DmaOutcome, type DmaPiece, type HardwareFault } from '@ioasis/core';
import type { Answer, DmaStep, UnitName } from './format.js';
import type { ScenarioUnit } from './scenario-unit.js';

/*
 * How the three units say in `iommu-scenario/1` what an access came to. This is vocabulary of the file format, taken from the
 * architectures' register and record layouts; the units themselves are handed in.
 */

const PAGE_MASK = ~0xfffn;

const faultsOf = (outcome: DmaOutcome): HardwareFault[] =>
  outcome.pieces.flatMap(({ fault }) => (fault === undefined || fault === 'bus-abort' ? [] : [fault]));

const segment = ({ iova, bytes, pa }: DmaPiece): Answer => ({
  iova: hex(iova),
  len: bytes,
  pa: pa === undefined ? null : hex(pa),
});

const segments = (outcome: DmaOutcome): Answer => ({
  status: outcome.status,
  segments: outcome.pieces.map(segment),
});

/** VT-d: fault status and the one fault recording register of this unit. */
export const VtdFaultRegister = { FSTS: 0x34, FRCD_LO: 0x220, FRCD_HI: 0x228 } as const;

function vtdAnswer({ unit }: ScenarioUnit, outcome: DmaOutcome): Answer {
  const raised = faultsOf(outcome);
  const faults = raised.filter(({ recorded }) => recorded !== 'suppressed');
  return {
    ...segments(outcome),
    ...(faults.length > 0 && {
      faults: faults.map((fault) => ({
        reason: fault.code,
        iova: hex(fault.iova & PAGE_MASK),
        rid: hex(fault.requesterId),
        write: fault.access === 'write',
      })),
    }),
    ...(faults.length < raised.length && { suppressed: true }),
    registers: {
      FSTS: hex(unit.read32(VtdFaultRegister.FSTS) >>> 0),
      FRCD_LO: hex(read64(unit, VtdFaultRegister.FRCD_LO)),
      FRCD_HI: hex(read64(unit, VtdFaultRegister.FRCD_HI)),
    },
  };
}

/** SMMUv3 events whose records hold an input address and the direction. */
const EVENTS_WITH_ADDRESS: readonly number[] = [
  0x01, // F_UUT
  0x07, // F_TRANSL_FORBIDDEN
  0x0b, // F_WALK_EABT
  0x10, // F_TRANSLATION
  0x11, // F_ADDR_SIZE
  0x12, // F_ACCESS
  0x13, // F_PERMISSION
];
/** F_STE_FETCH, F_CD_FETCH: word 3 is the address that could not be fetched. */
const EVENTS_WITH_FETCH: readonly number[] = [0x03, 0x09];
/** F_WALK_EABT: word 3 is the address of the descriptor. */
const EVENTS_WITH_DESCRIPTOR: readonly number[] = [0x0b];
const RNW = 1n << 35n;

/** An event record of SMMUv3, without its name. @param record its 64-bit words, lowest first */
export function smmuv3EventAnswer(record: readonly bigint[]): Answer {
  const [identity = 0n, flags = 0n, address = 0n, second = 0n] = record;
  const type = Number(identity & 0xffn);
  return {
    type,
    sid: Number(identity >> 32n),
    ...(EVENTS_WITH_ADDRESS.includes(type) && { iova: hex(address), rnw: (flags & RNW) === 0n ? 0 : 1 }),
    ...(EVENTS_WITH_FETCH.includes(type) && { fetch: hex(second) }),
    ...(EVENTS_WITH_DESCRIPTOR.includes(type) && { addr2: hex(second) }),
  };
}

function smmuv3Answer(on: ScenarioUnit, outcome: DmaOutcome, step: DmaStep): Answer {
  const raised = faultsOf(outcome);
  const events = raised.filter(({ recorded }) => recorded === 'recorded');
  const [only, ...more] = outcome.pieces;
  return {
    status: outcome.status,
    how: on.how?.(Number(step.rid), BigInt(step.iova), raised[0]) ?? (raised.length > 0 ? 'fault' : 'ok'),
    ...(more.length === 0 && only?.pa !== undefined && { pa: hex(only.pa) }),
    ...(events.length > 0 && {
      events: events.map(({ name, record }) => ({ name, ...smmuv3EventAnswer(record) })),
    }),
  };
}

/** Outcome fields of a DMA step in the words of its unit. */
export function dmaAnswer(
  name: UnitName,
  on: ScenarioUnit,
  step: DmaStep,
  outcome: DmaOutcome,
  data: Uint8Array | undefined,
): Answer {
  const read = data === undefined ? {} : { data: Buffer.from(data).toString('hex') };
  switch (name) {
    case 'vtd':
      return { ...vtdAnswer(on, outcome), ...read };
    case 'amdvi':
      return { ...segments(outcome), ...read };
    case 'smmuv3':
      return { ...smmuv3Answer(on, outcome, step), ...read };
  }
}

/** Offsets of the registers that `final` names. */
export const finalRegisters: Readonly<Record<string, number>> = {
  CR0ACK: 0x24,
  GERROR: 0x60,
  GERRORN: 0x64,
  CMDQ_PROD: 0x98,
  CMDQ_CONS: 0x9c,
  EVENTQ_PROD: 0x1_00a8,
  EVENTQ_CONS: 0x1_00ac,
};

/** The registers that `final` names, as they are now; names that are not known are left out. */
export function finalAnswer({ unit }: ScenarioUnit, names: readonly string[]): Answer {
  const known = names.filter((name) => Object.hasOwn(finalRegisters, name));
  return Object.fromEntries(known.map((name) => [name, hex(unit.read32(finalRegisters[name] ?? 0) >>> 0)]));
}
