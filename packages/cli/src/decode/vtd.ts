import { hex } from '@ioasis/core';
import { FAULT_CONDITIONS, FaultReason, FRCD_REG, type FaultReasonName } from '@ioasis/hw-intel-vtd';
import { CAUSES, type CauseGroup } from './causes.js';
import { requesterText, type Decoded } from './decoded.js';
import { INTERRUPT_WHEN, VTD_WHEN } from './vtd-reasons.js';

const names = new Map<number, FaultReasonName>(
  (Object.entries(FaultReason) as [FaultReasonName, number][]).map(([name, code]) => [code, name]),
);

/** Which causes fit, by the beginning or the middle of a reason's name; the first that matches counts. */
const GROUPS: readonly (readonly [pattern: RegExp, group: CauseGroup])[] = [
  [/INTERRUPT/, 'interrupt'],
  [/^(FS_TABLE|FS_TOP_TABLE)_READ_DENIED|_UPDATE_/, 'structure'],
  [/READ_DENIED|WRITE_DENIED|USER_DENIED|EXECUTE_DENIED|SUPERVISOR|EXECUTE_DISABLED/, 'right'],
  [/^(SM_)?(ROOT|CONTEXT)_NOT_PRESENT|ABORT_DMA/, 'notAttached'],
  [/^PASID|PASID_DISABLED|PASID_IN_LEGACY/, 'pasid'],
  [/DEVICE_TLB|TRANSLATED|REQUEST_TYPE|PAGE_REQUEST/, 'ats'],
  [/_ACCESS$/, 'memory'],
  [/BEYOND|CANONICAL/, 'width'],
  [/ENTRY_NOT_PRESENT/, 'notMapped'],
];

/** What is known of a fault, wherever it was read. */
interface VtdFaultFacts {
  readonly reason: number;
  /** `00:02.0`. */
  readonly device: string;
  /** `DMA Read`, `DMA Write`, `INTR-REMAP`. */
  readonly kind: string;
  readonly pasid: number | undefined;
  /** Bytes; of an interrupt its index. */
  readonly address: bigint;
  /** What the log calls it, for reasons that the model does not have. */
  readonly text: string;
}

/** Decodes a fault of a remapping unit. */
function decodeVtdFault({ reason, device, kind, pasid, address, text }: VtdFaultFacts, line?: number): Decoded {
  const isInterrupt = kind === 'INTR-REMAP';
  const name = names.get(reason);
  const group = isInterrupt ? 'interrupt' : GROUPS.find(([pattern]) => name !== undefined && pattern.test(name))?.[1];
  const why = name === undefined ? (INTERRUPT_WHEN[reason] ?? text) : VTD_WHEN[name];
  const condition = name === undefined ? undefined : FAULT_CONDITIONS[name].condition;
  return {
    line,
    what: `VT-d fault 0x${reason.toString(16).padStart(2, '0')} ${name ?? (isInterrupt ? 'of interrupt remapping' : 'that is not known')}`,
    who: `${device}, ${isInterrupt ? 'an interrupt request' : `a ${kind}`}, ${pasid === undefined ? 'no PASID' : `PASID ${hex(pasid)}`}`,
    where: isInterrupt ? `interrupt index ${hex(address)}` : `IOVA ${hex(address)}`,
    why,
    check: condition === undefined ? 'VT-d 5.1.4.1' : `${condition}, VT-d 7.1.3`,
    causes: CAUSES[group ?? 'structure'],
  };
}

/** A fault recording register (FRCD) as a fault. @param record 128 bits */
export function decodeVtdRecord(record: bigint): Decoded {
  const { T1, T2, SID, PP, PASID, FR, FI } = FRCD_REG.decode(record);
  // T2:T1 is 00 for a write, 01 for a read, 10 for a page request and 11 for an atomic operation (VT-d 11.4.14).
  const kind = ['DMA Write', 'DMA Read', 'Page Request', 'AtomicOp'][Number((T2 << 1n) | T1)] ?? '';
  return decodeVtdFault({
    reason: Number(FR),
    device: requesterText(Number(SID)),
    kind,
    pasid: PP === 0n ? undefined : Number(PASID),
    address: FI << 12n,
    text: 'not a reason of DMA remapping',
  });
}

const HEAD =
  /DMAR: ?\[([\w -]+?)(?: NO_PASID| PASID (?:0x)?([0-9a-f]+))?\] Request device \[(?:0x)?([0-9a-f]{2}):(?:0x)?([0-9a-f]{2})\.(\d)\]/i;
const ADDRESS = /fault (?:addr|index) (?:0x)?([0-9a-f]+)/i;
const OLD_PASID = /\] PASID ([0-9a-f]+) fault/i;
const REASON = /\[?fault reason (0x)?([0-9a-f]+)\]? ?(.*)$/i;
const NO_PASID = 0xffff_ffff;

/**
 * Reads a fault of Linux's log, from kernels of all ages: reasons are hexadecimal with 0x in front and decimal without, and very old kernels
 * print them on the next line.
 * @returns undefined: not such a line
 */
export function parseVtdLine(text: string, next: string, line: number): Decoded | undefined {
  const head = HEAD.exec(text);
  const address = ADDRESS.exec(text);
  const reason = REASON.exec(text) ?? (next.includes('DMAR') ? REASON.exec(next) : null);
  if (head === null || address === null || reason === null) return undefined;
  const [, kind = '', newPasid, bus = '', slot = '', fn = ''] = head;
  const pasid = Number.parseInt(newPasid ?? OLD_PASID.exec(text)?.[1] ?? 'ffffffff', 16);
  const facts = {
    reason: Number.parseInt(reason[2]!, reason[1] === undefined && /^\d+$/.test(reason[2]!) ? 10 : 16),
    device: `${bus}:${slot}.${fn}`,
    kind,
    pasid: pasid === NO_PASID ? undefined : pasid,
    address: BigInt(`0x${address[1]}`),
    text: reason[3] ?? '',
  };
  return decodeVtdFault(facts, line);
}
