import {
  Access,
  hi32,
  join64,
  lo32,
  NO_PASID,
  RadixWalker,
  read64,
  type MmioWindow,
  type PhysicalMemory,
  type TranslationWalk,
  type WalkStep,
} from '@ioasis/core';

import { firstStageFormat } from '../format/first-stage.js';
import { Cause, type CauseName } from '../layouts/fault-record.js';
import { PTE } from '../layouts/page-table-entry.js';
import { DDTP, DirectoryMode, Register } from '../layouts/registers.js';
import type { RiscvIommuConfiguration } from '../options.js';
import { DeviceDirectory } from './device-directory.js';
import { causeOfStop } from './fault.js';

const RIGHTS = Access.READ | Access.WRITE | Access.EXECUTE;

/** Walks the tables as they are now, step by step, and changes nothing. Its walkers leave accessed and dirty bits alone. */
export class Explainer {
  readonly #registers: MmioWindow;
  readonly #directory: DeviceDirectory;
  readonly #updating: RadixWalker;
  readonly #faulting: RadixWalker;
  #steps: WalkStep[] = [];

  constructor(memory: PhysicalMemory, registers: MmioWindow, configuration: RiscvIommuConfiguration) {
    const format = firstStageFormat(true);
    this.#registers = registers;
    this.#directory = new DeviceDirectory(memory, registers, format, configuration);
    this.#updating = new RadixWalker({ memory, format });
    this.#faulting = new RadixWalker({ memory, format: firstStageFormat(false), accessed: 'fault' });
    for (const walker of [this.#updating, this.#faulting]) {
      walker.isWatched = true;
      walker.visitor = {
        entryRead: ({ level, entryAddressHi, entryAddressLo, entryHi, entryLo }) => {
          const word = join64(entryHi, entryLo);
          const address = join64(entryAddressHi, entryAddressLo);
          this.#steps.push({ what: `PTE level ${level}`, address, words: [word], fields: PTE.decode(word) });
        },
      };
    }
  }

  explain(deviceId: number, pasid: number, iova: bigint, access: number): TranslationWalk {
    this.#steps = [];
    const mode = Number(DDTP.get(read64(this.#registers, Register.DDTP), 'MODE'));
    if (mode === DirectoryMode.OFF) return this.#refused('ALL_INBOUND_DISALLOWED');
    const isPlain = (access & (Access.TRANSLATION_REQUEST | Access.TRANSLATED)) === 0;
    if (mode === DirectoryMode.BARE) return isPlain ? this.#passed(iova) : this.#refused('TRANSACTION_TYPE_DISALLOWED');
    const context = this.#directory.locate(deviceId, (what, address, words, fields) =>
      this.#steps.push({ what, address, words, fields }),
    );
    if (context.kind === 'fault') return this.#refused(context.cause);
    if (!isPlain || pasid !== NO_PASID) return this.#refused('TRANSACTION_TYPE_DISALLOWED');
    if (context.root === null) return this.#passed(iova);
    const walker = context.hardwareDirty ? this.#updating : this.#faulting;
    const isFound = walker.walk(context.root, hi32(iova), lo32(iova), access & RIGHTS);
    if (!isFound) return this.#refused(causeOfStop(walker.stop, access));
    const rights = walker.permissions(false);
    return {
      steps: this.#steps,
      pa: join64(walker.paHi, walker.paLo),
      pageBytes: 1n << BigInt(walker.pageShift),
      readable: (rights & Access.READ) !== 0,
      writable: (rights & Access.WRITE) !== 0,
      fault: undefined,
    };
  }

  #passed(iova: bigint): TranslationWalk {
    return { steps: this.#steps, pa: iova, pageBytes: 4096n, readable: true, writable: true, fault: undefined };
  }

  #refused(cause: CauseName): TranslationWalk {
    const fault = { code: Cause[cause], name: cause };
    return { steps: this.#steps, pa: undefined, pageBytes: undefined, readable: false, writable: false, fault };
  }
}
