import { anyBit, maskWords, TableRoot, wordField, type PageTableFormat } from '@ioasis/core';
import { FaultReason } from '../layouts/fault-reasons.js';
import { CONTEXT_ENTRY, ROOT_ENTRY, TranslationType } from '../layouts/translation-structures.js';
import type { Capabilities } from './capabilities.js';
import { addressExcess, domainExcess } from './reserved-bits.js';
import type { StructureReader } from './structure-reader.js';
import { ContextKind, faultContext, TranslationContext } from './translation-context.js';

const P = wordField(CONTEXT_ENTRY, 'P');
const FPD = wordField(CONTEXT_ENTRY, 'FPD');
const TT = wordField(CONTEXT_ENTRY, 'TT');
const AW = wordField(CONTEXT_ENTRY, 'AW');
const DID = wordField(CONTEXT_ENTRY, 'DID');

/** Decodes root and context entries of legacy mode (VT-d 3.4.2, 9.1, 9.3). */
export class LegacyContextDecoder {
  /** Table entries read by the last {@link decode}. */
  reads = 0;
  readonly #capabilities: Capabilities;
  readonly #reader: StructureReader;
  readonly #format: PageTableFormat;
  readonly #rootReserved: Int32Array;
  readonly #contextReserved: Int32Array;

  constructor(capabilities: Capabilities, reader: StructureReader, format: PageTableFormat) {
    this.#capabilities = capabilities;
    this.#reader = reader;
    this.#format = format;
    const width = capabilities.hostAddressWidth;
    this.#rootReserved = maskWords(ROOT_ENTRY.reserved | addressExcess(ROOT_ENTRY, 'CTP', width), 128);
    this.#contextReserved = maskWords(
      CONTEXT_ENTRY.reserved |
        addressExcess(CONTEXT_ENTRY, 'SSPTPTR', width) |
        domainExcess(CONTEXT_ENTRY, capabilities.domainIdBits),
      128,
    );
  }

  /** What the structures say about a requester. Faults are values of kind FAULT. */
  decode(rootHi: number, rootLo: number, requester: number): TranslationContext {
    const reader = this.#reader;
    const { words } = reader;
    reader.isCoherent = this.#capabilities.coherent && !this.#capabilities.writeBufferFlush;
    this.reads = 1;
    // 1. The root entry of the bus.
    if (!reader.read(rootHi, rootLo, requester >>> 8, ROOT_ENTRY)) {
      return faultContext(FaultReason.ROOT_ACCESS, false);
    }
    if ((words[0]! & 1) === 0) return faultContext(FaultReason.ROOT_NOT_PRESENT, false);
    if (anyBit(this.#rootReserved, words, 0)) return faultContext(FaultReason.ROOT_RESERVED, false);

    // 2. The context entry of the device and function.
    this.reads = 2;
    if (!reader.read(words[1]!, words[0]! & ~0xfff, requester & 0xff, CONTEXT_ENTRY)) {
      return faultContext(FaultReason.CONTEXT_ACCESS, false);
    }
    const suppressed = FPD.of(words, 0) !== 0;
    if (P.of(words, 0) === 0) return faultContext(FaultReason.CONTEXT_NOT_PRESENT, suppressed);
    if (anyBit(this.#contextReserved, words, 0)) return faultContext(FaultReason.CONTEXT_RESERVED, suppressed);

    // 3. Address width and translation type must be ones that this unit has.
    const levels = AW.of(words, 0) + 2;
    const type = TT.of(words, 0);
    const supported =
      type === TranslationType.UNTRANSLATED_ONLY ||
      (type === TranslationType.WITH_DEVICE_TLB && this.#capabilities.deviceTlb) ||
      (type === TranslationType.PASS_THROUGH && this.#capabilities.passThrough);
    if (!supported || !this.#capabilities.supportsLevels(levels)) {
      return faultContext(FaultReason.CONTEXT_INVALID, suppressed);
    }

    const context = new TranslationContext();
    context.kind = type === TranslationType.PASS_THROUGH ? ContextKind.PASS_THROUGH : ContextKind.SECOND_STAGE;
    context.faultProcessingDisabled = suppressed;
    context.domain = DID.of(words, 0);
    context.deviceTlb = type === TranslationType.WITH_DEVICE_TLB;
    context.snooped = this.#capabilities.coherent;
    if (context.kind === ContextKind.SECOND_STAGE) {
      const inputBits = this.#capabilities.inputBits(levels);
      context.secondStage = new TableRoot(this.#format, { hi: words[1]!, lo: words[0]! & ~0xfff, levels, inputBits });
    }
    return context;
  }
}
