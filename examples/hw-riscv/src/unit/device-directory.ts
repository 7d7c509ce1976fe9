import {
  hi32,
  join64,
  lo32,
  read64,
  TableRoot,
  type MmioWindow,
  type PageTableFormat,
  type PhysicalMemory,
} from '@ioasis/core';

import { inputBits, type StageLevels } from '../format/first-stage.js';
import {
  CONTEXT_BYTES,
  DDTE,
  DEVICE_ID_BITS,
  DIRECTORY_SHIFTS,
  IOHGATP,
  IOSATP,
  StageMode,
  TA,
  TC,
} from '../layouts/device-context.js';
import type { CauseName } from '../layouts/fault-record.js';
import { DDTP, DirectoryMode, Register } from '../layouts/registers.js';
import type { RiscvIommuConfiguration } from '../options.js';
import { PHYSICAL_BITS } from './register-definitions.js';

/** A device context, decoded. */
export interface DeviceContext {
  readonly kind: 'context';
  /** DTF: faults of its requests are not recorded. */
  readonly silent: boolean;
  readonly pscid: number;
  /** SADE: the unit sets accessed and dirty bits. */
  readonly hardwareDirty: boolean;
  /** First-stage tables; null: Bare, addresses pass. */
  readonly root: TableRoot | null;
}

/** Why there is none. */
export interface NoContext {
  readonly kind: 'fault';
  readonly cause: CauseName;
}

/** Told of every entry that a look-up reads. */
export type DirectoryVisitor = (
  what: string,
  address: bigint,
  words: readonly bigint[],
  fields: Readonly<Record<string, bigint>>,
) => void;

const fault = (cause: CauseName): NoContext => ({ kind: 'fault', cause });
const LEVELS_OF_MODE: Readonly<Record<number, StageLevels>> = {
  [StageMode.SV39]: 3,
  [StageMode.SV48]: 4,
  [StageMode.SV57]: 5,
};
/** This unit has neither ATS, page requests, process directories, a second stage, nor big-endian or 32-bit guests. */
const UNSUPPORTED =
  TC.reserved |
  (['EN_ATS', 'EN_PRI', 'T2GPA', 'PDTV', 'PRPR', 'GADE', 'DPE', 'SBE', 'SXL'] as const).reduce(
    (bits, field) => bits | TC.mask(field),
    0n,
  );

/** Finds and checks device contexts. It reads memory at each call; what may be kept is the caller's matter. */
export class DeviceDirectory {
  /** Entries that the last {@link locate} read. */
  reads = 0;
  readonly #memory: PhysicalMemory;
  readonly #registers: MmioWindow;
  readonly #format: PageTableFormat;
  readonly #configuration: RiscvIommuConfiguration;

  constructor(
    memory: PhysicalMemory,
    registers: MmioWindow,
    format: PageTableFormat,
    configuration: RiscvIommuConfiguration,
  ) {
    this.#memory = memory;
    this.#registers = registers;
    this.#format = format;
    this.#configuration = configuration;
  }

  /** "Process to locate the Device-context", after step 5 of "Process to translate an IOVA": the width of the device id. */
  locate(deviceId: number, visit: DirectoryVisitor = () => undefined): DeviceContext | NoContext {
    this.reads = 0;
    const ddtp = read64(this.#registers, Register.DDTP);
    const mode = Number(DDTP.get(ddtp, 'MODE'));
    const levels = mode - DirectoryMode.LEVEL_1 + 1;
    if (deviceId >= 2 ** (DIRECTORY_SHIFTS[levels] ?? DEVICE_ID_BITS)) return fault('TRANSACTION_TYPE_DISALLOWED');

    // 1. a = ddtp.PPN * 4096, i = LEVELS - 1.
    let directory = DDTP.get(ddtp, 'PPN') << 12n;
    // 2 to 7. Down to the directory that holds contexts.
    for (let level = levels - 1; level > 0; level--) {
      const address = directory + BigInt(indexOf(deviceId, level) * 8);
      const [entry] = this.#read(address, 1);
      if (entry === undefined) return fault('DDT_ENTRY_LOAD_ACCESS_FAULT');
      visit(`DDTE level ${level}`, address, [entry], DDTE.decode(entry));
      if (DDTE.get(entry, 'V') === 0n) return fault('DDT_ENTRY_NOT_VALID');
      if ((entry & DDTE.reserved) !== 0n) return fault('DDT_ENTRY_MISCONFIGURED');
      directory = DDTE.get(entry, 'PPN') << 12n;
    }
    // 8. The context itself.
    const address = directory + BigInt(indexOf(deviceId, 0) * CONTEXT_BYTES);
    const [tc, iohgatp, ta, fsc] = this.#read(address, 4);
    if (tc === undefined || iohgatp === undefined || ta === undefined || fsc === undefined) {
      return fault('DDT_ENTRY_LOAD_ACCESS_FAULT');
    }
    visit('device context', address, [tc, iohgatp, ta, fsc], {
      ...TC.decode(tc),
      ...TA.decode(ta),
      ...IOSATP.decode(fsc),
    });
    // 9, 10. Valid, and nothing in it that this unit does not have ("Device-context configuration checks").
    if (TC.get(tc, 'V') === 0n) return fault('DDT_ENTRY_NOT_VALID');
    const isUnknown = (tc & UNSUPPORTED) !== 0n || (ta & TA.reserved) !== 0n || (fsc & IOSATP.reserved) !== 0n;
    const isNested = IOHGATP.get(iohgatp, 'MODE') !== 0n;
    const hardwareDirty = TC.get(tc, 'SADE') !== 0n;
    if (isUnknown || isNested || (hardwareDirty && !this.#configuration.hardwareDirty)) {
      return fault('DDT_ENTRY_MISCONFIGURED');
    }
    const stage = this.#stageOf(fsc);
    if (stage === undefined) return fault('DDT_ENTRY_MISCONFIGURED');
    return {
      kind: 'context',
      silent: TC.get(tc, 'DTF') !== 0n,
      pscid: Number(TA.get(ta, 'PSCID')),
      hardwareDirty,
      root: stage.root,
    };
  }

  #stageOf(fsc: bigint): { readonly root: TableRoot | null } | undefined {
    const mode = Number(IOSATP.get(fsc, 'MODE'));
    if (mode === StageMode.BARE) return { root: null };
    const levels = LEVELS_OF_MODE[mode];
    if (levels === undefined || levels > this.#configuration.levels) return undefined;
    const address = IOSATP.get(fsc, 'PPN') << 12n;
    return {
      root: new TableRoot(this.#format, {
        hi: hi32(address),
        lo: lo32(address),
        levels,
        inputBits: inputBits(levels),
        region: 'canonical',
        outputBits: PHYSICAL_BITS,
      }),
    };
  }

  /** Words from memory, as many as there are. */
  #read(address: bigint, count: number): bigint[] {
    const words: bigint[] = [];
    this.reads++;
    for (let index = 0; index < count; index++) {
      const at = address + BigInt(8 * index);
      if (!this.#memory.load64(hi32(at), lo32(at))) break;
      words.push(join64(this.#memory.loadedHi, this.#memory.loadedLo));
    }
    return words;
  }
}

/** DDI[level]. */
function indexOf(deviceId: number, level: number): number {
  const first = DIRECTORY_SHIFTS[level]!;
  const end = DIRECTORY_SHIFTS[level + 1] ?? DEVICE_ID_BITS;
  return Math.floor(deviceId / 2 ** first) % 2 ** (end - first);
}
