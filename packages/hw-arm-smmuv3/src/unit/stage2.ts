import { Access, WalkStop, type RadixWalker, type TableAddressTranslator, type TableRoot } from '@ioasis/core';

/** Stage 2 of a stream, decoded from its STE. */
export class Stage2 implements TableAddressTranslator {
  readonly root: TableRoot;
  readonly walker: RadixWalker;
  /** S2R: faults are recorded; S2S: they stall. */
  readonly record: boolean;
  readonly stall: boolean;
  /** Result of {@link translateTableAddress}. */
  tableAddressHi = 0;
  tableAddressLo = 0;
  /** The last access to a table was to write it: to set a flag. */
  tableWrite = false;
  /** IPA that the last walk was asked for. */
  ipaHi = 0;
  ipaLo = 0;

  constructor(root: TableRoot, walker: RadixWalker, record: boolean, stall: boolean) {
    this.root = root;
    this.walker = walker;
    this.record = record;
    this.stall = stall;
  }

  /** Translates one IPA; results are the walker's. */
  walk(ipaHi: number, ipaLo: number, access: number): boolean {
    this.ipaHi = ipaHi;
    this.ipaLo = ipaLo;
    return this.walker.walk(this.root, ipaHi, ipaLo, access & (Access.READ | Access.WRITE | Access.EXECUTE));
  }

  translateTableAddress(hi: number, lo: number, write: boolean): boolean {
    this.tableWrite = write;
    if (!this.walk(hi, lo, write ? Access.READ | Access.WRITE : Access.READ)) return false;
    this.tableAddressHi = this.walker.paHi;
    this.tableAddressLo = this.walker.paLo;
    return true;
  }
}

/** The event of a stopped walk, the same for both stages (IHI 0070 7.3, in the order of 3.4 and DDI 0487 D8.2). */
export function eventOfStop(
  stop: number,
): 'F_WALK_EABT' | 'F_TRANSLATION' | 'F_ADDR_SIZE' | 'F_ACCESS' | 'F_PERMISSION' {
  switch (stop) {
    case WalkStop.ABORT:
    case WalkStop.UPDATE:
      return 'F_WALK_EABT';
    case WalkStop.OUTPUT:
      return 'F_ADDR_SIZE';
    case WalkStop.ACCESSED:
      return 'F_ACCESS';
    case WalkStop.PERMISSION:
      return 'F_PERMISSION';
    default:
      return 'F_TRANSLATION';
  }
}
