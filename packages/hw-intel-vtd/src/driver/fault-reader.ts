import { hex, read64, type MmioWindow } from '@ioasis/core';
import { FRCD_REG, FSTS_REG } from '../layouts/fault-registers.js';
import { FRCD_BYTES, RegisterOffset } from '../layouts/register-offsets.js';
import { faultReasonText } from './fault-text.js';

/** Oldest faults are forgotten, as in a kernel log. */
const KEPT_FAULTS = 4096;
const F = Number(FRCD_REG.mask('F') >> 96n) | 0;

/** A fault as the driver read it. */
export interface LoggedFault {
  readonly reason: number;
  readonly sourceId: number;
  readonly pasid: number | undefined;
  readonly address: bigint;
  readonly kind: 'read' | 'write';
  /** The line in Linux's log. */
  readonly line: string;
}

/** The driver's end of the fault recording registers: reads them in order from FRI on and gives them back. */
export class FaultReader {
  readonly faults: LoggedFault[] = [];
  readonly #mmio: MmioWindow;
  readonly #offset: number;
  readonly #records: number;

  /** @param offset byte offset of the first record */
  constructor(mmio: MmioWindow, offset: number, records: number) {
    this.#mmio = mmio;
    this.#offset = offset;
    this.#records = records;
  }

  /** Reads and clears every record, then the overflow flag. */
  drain(): void {
    const mmio = this.#mmio;
    const first = Number(FSTS_REG.get(BigInt(mmio.read32(RegisterOffset.FSTS) >>> 0), 'FRI'));
    for (let count = 0; count < this.#records; count++) {
      const at = this.#offset + ((first + count) % this.#records) * FRCD_BYTES;
      if ((mmio.read32(at + 12) & F) === 0) break;
      this.#keep(read64(mmio, at) | (read64(mmio, at + 8) << 64n));
      mmio.write32(at + 12, F);
    }
    mmio.write32(RegisterOffset.FSTS, Number(FSTS_REG.mask('PFO') | FSTS_REG.mask('PPF') | FSTS_REG.mask('PRO')));
  }

  #keep(record: bigint): void {
    const { FR, SID, PP, PASID, FI, T1 } = FRCD_REG.decode(record);
    const sourceId = Number(SID);
    // Linux looks at T1 only: a page request counts as a write, an atomic operation as a read.
    const kind = T1 === 0n ? 'write' : 'read';
    const pasid = PP === 0n ? undefined : Number(PASID);
    const fault = { reason: Number(FR), sourceId, pasid, address: FI << 12n, kind } as const;
    this.faults.push({ ...fault, line: logLine(fault) });
    if (this.faults.length > KEPT_FAULTS) this.faults.shift();
  }
}

/** The line that Linux 6.12 logs. */
export function logLine({ reason, sourceId, pasid, address, kind }: Omit<LoggedFault, 'line'>): string {
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  const device = `${two(sourceId >> 8)}:${two((sourceId >> 3) & 31)}.${sourceId & 7}`;
  const who = pasid === undefined ? 'NO_PASID' : `PASID ${hex(pasid)}`;
  const access = kind === 'read' ? 'Read' : 'Write';
  return `DMAR: [DMA ${access} ${who}] Request device [${device}] fault addr ${hex(address)} [fault reason 0x${two(reason)}] ${faultReasonText(reason)}`;
}
