import { CFGI_COMMAND, CFGI_STE_RANGE, Opcode, TLBI_COMMAND } from '../layouts/commands.js';

/** CFGI_STE_RANGE.RANGE of CFGI_ALL. */
const ALL_STREAMS = 31;
/** Largest NUM of a range invalidation, plus one. */
const NUM_LIMIT = 31n;

/** CMD_CFGI_ALL. */
export const configurationAll = (): bigint =>
  CFGI_STE_RANGE.encode({ OPCODE: Opcode.CFGI_STE_RANGE, RANGE: ALL_STREAMS });

/** CMD_CFGI_STE of one stream; its table did not move. */
export const configurationOfStream = (streamId: number): bigint =>
  CFGI_COMMAND.encode({ OPCODE: Opcode.CFGI_STE, SID: streamId, LEAF: 1 });

/** CMD_CFGI_CD of a stream without substreams. */
export const configurationOfContext = (streamId: number): bigint =>
  CFGI_COMMAND.encode({ OPCODE: Opcode.CFGI_CD, SID: streamId, LEAF: 1 });

/** CMD_PREFETCH_CONFIG. */
export const prefetchConfiguration = (streamId: number): bigint =>
  CFGI_COMMAND.encode({ OPCODE: Opcode.PREFETCH_CONFIG, SID: streamId });

/** CMD_TLBI_NSNH_ALL. */
export const tlbAll = (): bigint => TLBI_COMMAND.encode({ OPCODE: Opcode.TLBI_NSNH_ALL });
/** CMD_TLBI_EL2_ALL. */
export const tlbEl2All = (): bigint => TLBI_COMMAND.encode({ OPCODE: Opcode.TLBI_EL2_ALL });
/** CMD_TLBI_NH_ASID. */
export const tlbOfAsid = (asid: number): bigint => TLBI_COMMAND.encode({ OPCODE: Opcode.TLBI_NH_ASID, ASID: asid });

/** CMD_TLBI_S12_VMALL. */
export const tlbOfVmid = (vmid: number): bigint => TLBI_COMMAND.encode({ OPCODE: Opcode.TLBI_S12_VMALL, VMID: vmid });

/** A range of addresses to invalidate: of stage 1, or intermediate ones of stage 2. */
export interface TlbRange {
  readonly stage: 1 | 2;
  /** ASID of stage 1, VMID of stage 2. */
  readonly id: number;
  /** First byte, and bytes: multiples of the granule of the tables. */
  readonly start: bigint;
  readonly bytes: bigint;
  /** log2 of the pages that were mapped. */
  readonly pageShift: number;
  /** log2 of the granule of the tables. */
  readonly granuleShift: number;
  /** No table was unlinked. */
  readonly leafOnly: boolean;
}

/** CMD_TLBI_NH_VA or CMD_TLBI_S2_IPA, and whose entries. */
const ownerOf = ({ stage, id }: TlbRange): { OPCODE: number; ASID?: number; VMID?: number } =>
  stage === 1 ? { OPCODE: Opcode.TLBI_NH_VA, ASID: id } : { OPCODE: Opcode.TLBI_S2_IPA, VMID: id };

/** A command for every page of a range. */
export function* tlbOfPages(range: TlbRange): Generator<bigint> {
  const { start, bytes, pageShift, leafOnly } = range;
  const step = 1n << BigInt(pageShift);
  for (let at = start; at < start + bytes; at += step) {
    yield TLBI_COMMAND.encode({ ...ownerOf(range), ADDRESS: at >> 12n, LEAF: leafOnly });
  }
}

/**
 * The same with ranges: NUM + 1 times 2^SCALE granules each, from the low bits of the size up. TTL tells the level of pages; of
 * tables nobody knows it. A non-leaf range avoids NUM = SCALE = 0, which hardware reads as no range at all.
 */
export function* tlbOfRange(range: TlbRange): Generator<bigint> {
  const { start, bytes, pageShift, granuleShift, leafOnly } = range;
  const tg = BigInt(granuleShift);
  const TG = (granuleShift - 10) / 2;
  const TTL = leafOnly ? 4 - Math.floor((pageShift - 3) / (granuleShift - 3)) : 0;
  let pages = bytes >> tg;
  if (!leafOnly && (pages & NUM_LIMIT) === 1n) pages++;
  for (let at = start; at < start + bytes;) {
    const scale = BigInt((pages & -pages).toString(2).length - 1);
    const count = (pages >> scale) & NUM_LIMIT;
    const fields = { ...ownerOf(range), ADDRESS: at >> 12n, LEAF: leafOnly, TG, TTL };
    yield TLBI_COMMAND.encode({ ...fields, SCALE: scale, NUM: count - 1n });
    at += count << (scale + tg);
    pages -= count << scale;
  }
}
