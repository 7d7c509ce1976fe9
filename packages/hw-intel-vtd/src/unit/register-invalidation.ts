import { wordField, type RegisterFile, type WordField } from '@ioasis/core';
import { VER_REG } from '../layouts/capability-registers.js';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { CCMD_REG, Granularity, IOTLB_REG, IVA_REG } from '../layouts/invalidation-registers.js';
import { IOTLB_OFFSET, RegisterOffset } from '../layouts/register-offsets.js';
import type { VtdConfiguration } from '../options.js';
import type { GlobalCommand } from './global-command.js';
import type { UnitCaches } from './unit-caches.js';

const ICC = wordField(CCMD_REG, 'ICC');
const CIRG = wordField(CCMD_REG, 'CIRG');
const CAIG = wordField(CCMD_REG, 'CAIG');
const FM = wordField(CCMD_REG, 'FM');
const SID = wordField(CCMD_REG, 'SID');
const CONTEXT_DID = wordField(CCMD_REG, 'DID');
const IVT = wordField(IOTLB_REG, 'IVT');
const IIRG = wordField(IOTLB_REG, 'IIRG');
const IAIG = wordField(IOTLB_REG, 'IAIG');
const IOTLB_DID = wordField(IOTLB_REG, 'DID');
const AM = wordField(IVA_REG, 'AM');
const IH = wordField(IVA_REG, 'IH');

/** Units of this major version and later have the queue only. */
const FIRST_VERSION_WITHOUT = 6;

/**
 * Register-based invalidation (VT-d 6.5.1): CCMD, IVA and IOTLB. Nothing happens while the queue is on; outside legacy mode and in late
 * versions a command is answered as done at no granularity.
 */
export class RegisterInvalidation {
  readonly #registers: RegisterFile;
  readonly #caches: UnitCaches;
  readonly #globalCommand: GlobalCommand;
  readonly #iotlbOffset: number;
  readonly #maxAddressMask: number;
  readonly #isSupported: boolean;
  /** Write-only parts of CCMD (SID, FM) and IVA, as software wrote them last. */
  readonly #command = new Int32Array(2);
  readonly #address = new Int32Array(2);
  readonly #words = new Int32Array(2);

  constructor(
    registers: RegisterFile,
    caches: UnitCaches,
    command: GlobalCommand,
    { capabilities, version }: VtdConfiguration,
  ) {
    this.#globalCommand = command;
    this.#registers = registers;
    this.#caches = caches;
    this.#iotlbOffset = capabilities.iotlbOffset + IOTLB_OFFSET;
    // Without page-selective invalidation the whole domain goes, whatever the mask.
    this.#maxAddressMask = capabilities.pageSelective ? capabilities.maxAddressMask : 63;
    this.#isSupported = Number(VER_REG.get(BigInt(version), 'MAJOR')) < FIRST_VERSION_WITHOUT;
  }

  reset(): void {
    this.#command.fill(0);
    this.#address.fill(0);
  }

  contextCommand(queueEnabled: boolean): void {
    this.#keepWritten(this.#command);
    const words = this.#load(RegisterOffset.CCMD);
    if (ICC.of(words, 0) === 0 || queueEnabled) return;
    this.#globalCommand.drainWriteBuffer();
    const granularity = this.#isAccepted() ? CIRG.of(words, 0) : 0;
    const requester = SID.of(this.#command, 0);
    if (granularity !== 0) {
      this.#caches.dropContexts(granularity, CONTEXT_DID.of(words, 0), requester, FM.of(this.#command, 0));
    }
    this.#answer(RegisterOffset.CCMD, ICC, CAIG, granularity);
  }

  addressWritten(): void {
    this.#keepWritten(this.#address);
  }

  iotlbCommand(queueEnabled: boolean): void {
    const words = this.#load(this.#iotlbOffset);
    if (IVT.of(words, 0) === 0 || queueEnabled) return;
    this.#globalCommand.drainWriteBuffer();
    let granularity = this.#isAccepted() ? IIRG.of(words, 0) : 0;
    // A mask that the unit does not have is an error, and nothing is done.
    if (granularity === Granularity.SELECTIVE && AM.of(this.#address, 0) > this.#maxAddressMask) granularity = 0;
    if (granularity !== 0) {
      const address = this.#address;
      granularity = this.#caches.dropTranslations(
        granularity,
        IOTLB_DID.of(words, 0),
        address[1]!,
        address[0]! & ~0xfff,
        AM.of(address, 0),
        IH.of(address, 0) !== 0,
      );
    }
    this.#answer(this.#iotlbOffset, IVT, IAIG, granularity);
  }

  #isAccepted(): boolean {
    return this.#isSupported && this.#globalCommand.tableMode === TranslationTableMode.LEGACY;
  }

  #keepWritten(into: Int32Array): void {
    if ((this.#registers.writtenHalves & 1) !== 0) into[0] = this.#registers.writtenLo;
    if ((this.#registers.writtenHalves & 2) !== 0) into[1] = this.#registers.writtenHi;
  }

  #load(offset: number): Int32Array {
    this.#words[0] = this.#registers.get(offset);
    this.#words[1] = this.#registers.get(offset + 4);
    return this.#words;
  }

  /** Done: the busy bit clears and the granularity that was done is shown. Both lie in the upper word. */
  #answer(offset: number, busy: WordField, actual: WordField, granularity: number): void {
    const word = this.#registers.get(offset + 4) & ~(busy.mask << busy.shift) & ~(actual.mask << actual.shift);
    this.#registers.set(offset + 4, word | (granularity << actual.shift));
  }
}
