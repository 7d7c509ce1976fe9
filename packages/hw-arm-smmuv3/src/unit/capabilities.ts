import type { GranuleShift } from '../format/granule.js';
import { IDR0, IDR1, IDR3, IDR5, OUTPUT_SIZE_BITS, type Idr0Field } from '../layouts/registers.js';

/** ID registers of a unit, raw. */
export interface IdRegisters {
  readonly idr0: number;
  readonly idr1: number;
  readonly idr3: number;
  readonly idr5: number;
  readonly iidr: number;
  readonly aidr: number;
}

/** What the ID registers say, decoded once; the unit's code asks this, never the registers. */
export class Capabilities {
  readonly registers: IdRegisters;
  readonly stage1: boolean;
  readonly stage2: boolean;
  /** Hardware sets accessed flags; dirty state too. */
  readonly accessedFlag: boolean;
  readonly dirtyState: boolean;
  readonly ats: boolean;
  /** Split-stage ATS (IDR0.NS1ATS = 0). */
  readonly splitAts: boolean;
  readonly pri: boolean;
  readonly msi: boolean;
  /** CMD_SYNC can wake processors. */
  readonly sendsEvents: boolean;
  readonly hyp: boolean;
  readonly asidBits: number;
  readonly vmidBits: number;
  /** CR0.VMW exists. */
  readonly vmidWildcards: boolean;
  /** Two-level CD tables. */
  readonly cd2Level: boolean;
  /** Two-level stream tables. */
  readonly streamTable2Level: boolean;
  readonly littleEndian: boolean;
  readonly bigEndian: boolean;
  /** Stall is possible; it is the only model. */
  readonly canStall: boolean;
  readonly mustStall: boolean;
  /** CD.A must be 1. */
  readonly abortOnly: boolean;
  readonly streamIdBits: number;
  readonly substreamBits: number;
  /** log2 of the most entries of each queue. */
  readonly commandQueueMax: number;
  readonly eventQueueMax: number;
  readonly priQueueMax: number;
  /** CD.HADx exist. */
  readonly hierarchyDisable: boolean;
  /** PPS: automatic page responses carry the PASID of their request, whatever the stream's entry says. */
  readonly answersWithPasid: boolean;
  /** Range invalidation. */
  readonly rangeInvalidation: boolean;
  /** Blocks and pages for the same address are reported, F_TLB_CONFLICT: BBML = 0. With 1 and 2 the unit uses either. */
  readonly reportsConflicts: boolean;
  readonly outputBits: number;
  /** 52-bit input addresses with the 64K granule. */
  readonly wideInput: boolean;
  readonly coherent: boolean;
  /** SMMUv3.2 and later (AIDR): what the architecture left open before is decided. */
  readonly isVersion32: boolean;
  readonly #granules: ReadonlySet<number>;

  constructor(registers: IdRegisters) {
    this.registers = registers;
    const idr0 = BigInt(registers.idr0 >>> 0);
    const idr1 = BigInt(registers.idr1 >>> 0);
    const idr3 = BigInt(registers.idr3 >>> 0);
    const idr5 = BigInt(registers.idr5 >>> 0);
    const value = (field: Idr0Field): number => Number(IDR0.get(idr0, field));
    const has = (field: Idr0Field): boolean => value(field) !== 0;
    this.stage1 = has('S1P');
    this.stage2 = has('S2P');
    this.accessedFlag = value('HTTU') >= 1;
    this.dirtyState = value('HTTU') >= 2;
    this.ats = has('ATS');
    this.splitAts = !has('NS1ATS');
    this.pri = has('PRI');
    this.msi = has('MSI');
    this.sendsEvents = has('SEV');
    this.hyp = has('HYP');
    this.asidBits = has('ASID16') ? 16 : 8;
    this.vmidBits = has('VMID16') ? 16 : 8;
    this.vmidWildcards = has('VMW');
    this.cd2Level = has('CD2L');
    this.streamTable2Level = value('ST_LEVEL') === 1;
    this.littleEndian = value('TTENDIAN') !== 3;
    this.bigEndian = value('TTENDIAN') === 0 || value('TTENDIAN') === 3;
    this.canStall = value('STALL_MODEL') !== 1;
    this.mustStall = value('STALL_MODEL') === 2;
    this.abortOnly = has('TERM_MODEL');
    this.coherent = has('COHACC');
    this.isVersion32 = (registers.aidr & 0xff) >= 2;
    this.streamIdBits = Number(IDR1.get(idr1, 'SIDSIZE'));
    this.substreamBits = Number(IDR1.get(idr1, 'SSIDSIZE'));
    this.commandQueueMax = Number(IDR1.get(idr1, 'CMDQS'));
    this.eventQueueMax = Number(IDR1.get(idr1, 'EVENTQS'));
    this.priQueueMax = Number(IDR1.get(idr1, 'PRIQS'));
    this.hierarchyDisable = IDR3.get(idr3, 'HAD') !== 0n;
    this.answersWithPasid = IDR3.get(idr3, 'PPS') !== 0n;
    this.rangeInvalidation = IDR3.get(idr3, 'RIL') !== 0n;
    this.reportsConflicts = IDR3.get(idr3, 'BBML') === 0n;
    this.outputBits = OUTPUT_SIZE_BITS[Number(IDR5.get(idr5, 'OAS'))] ?? 48;
    this.wideInput = IDR5.get(idr5, 'VAX') === 1n;
    const granules = new Set<number>();
    if (IDR5.get(idr5, 'GRAN4K') !== 0n) granules.add(12);
    if (IDR5.get(idr5, 'GRAN16K') !== 0n) granules.add(14);
    if (IDR5.get(idr5, 'GRAN64K') !== 0n) granules.add(16);
    this.#granules = granules;
  }

  supportsGranule(shift: number | undefined): shift is GranuleShift {
    return shift !== undefined && this.#granules.has(shift);
  }

  /** Output bits of an IPS or S2PS code; reserved codes and larger ones count as the unit's. */
  outputBitsOf(code: number): number {
    return Math.min(OUTPUT_SIZE_BITS[code] ?? this.outputBits, this.outputBits);
  }

  /** Least TnSZ for a granule: 64 - TnSZ is the input size. */
  leastSize(granule: GranuleShift): number {
    return granule === 16 && this.wideInput ? 12 : 16;
  }
}

/** Largest T0SZ and T1SZ: inputs of at least 25 bits (IHI 0070 5.4). */
export const MOST_SIZE = 39;
