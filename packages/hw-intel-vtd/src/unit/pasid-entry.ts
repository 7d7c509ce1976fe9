import { anyBit, maskWords, TableRoot, wordField } from '@ioasis/core';
import { FaultReason } from '../layouts/fault-reasons.js';
import {
  PASID_DIRECTORY_ENTRY,
  PASID_ENTRY,
  PasidTranslationType,
  type PasidField,
} from '../layouts/translation-structures.js';
import type { Capabilities } from './capabilities.js';
import type { FirstStage } from './first-stage.js';
import { NestedTranslator } from './nested-translator.js';
import { addressExcess, domainExcess, isWider } from './reserved-bits.js';
import type { SecondStage } from './second-stage.js';
import type { StructureReader } from './structure-reader.js';
import { ContextKind, faultContext, type ScalableContext, TranslationContext } from './translation-context.js';

const P = wordField(PASID_ENTRY, 'P');
const FPD = wordField(PASID_ENTRY, 'FPD');
const AW = wordField(PASID_ENTRY, 'AW');
const SSEE = wordField(PASID_ENTRY, 'SSEE');
const PGTT = wordField(PASID_ENTRY, 'PGTT');
const SSADE = wordField(PASID_ENTRY, 'SSADE');
const DID = wordField(PASID_ENTRY, 'DID');
const PWSNP = wordField(PASID_ENTRY, 'PWSNP');
const SRE = wordField(PASID_ENTRY, 'SRE');
const ERE = wordField(PASID_ENTRY, 'ERE');
const FSPM = wordField(PASID_ENTRY, 'FSPM');
const EAFE = wordField(PASID_ENTRY, 'EAFE');
const WPE = wordField(PASID_ENTRY, 'WPE');
const NXE = wordField(PASID_ENTRY, 'NXE');
const SMEP = wordField(PASID_ENTRY, 'SMEP');
const DIRECTORY_FPD = wordField(PASID_DIRECTORY_ENTRY, 'FPD');
/** Word of FSPTPTR's low half. */
const FS_POINTER = PASID_ENTRY.fields.FSPTPTR[1] >> 5;

/** Decodes PASID directory and PASID table entries (VT-d 3.4.3, 9.5, 9.6). */
export class PasidDecoder {
  /** Structures read by the last {@link decode}. */
  reads = 0;
  readonly #capabilities: Capabilities;
  readonly #reader: StructureReader;
  readonly #secondStage: SecondStage;
  readonly #firstStage: FirstStage;
  readonly #directoryReserved: Int32Array;
  readonly #entryReserved: Int32Array;

  constructor(capabilities: Capabilities, reader: StructureReader, secondStage: SecondStage, firstStage: FirstStage) {
    this.#capabilities = capabilities;
    this.#reader = reader;
    this.#secondStage = secondStage;
    this.#firstStage = firstStage;
    const width = capabilities.hostAddressWidth;
    this.#directoryReserved = maskWords(
      PASID_DIRECTORY_ENTRY.reserved | addressExcess(PASID_DIRECTORY_ENTRY, 'SMPTBLPTR', width),
      64,
    );
    const missing = (has: boolean, ...fields: readonly PasidField[]): bigint =>
      has ? 0n : fields.reduce((mask, field) => mask | PASID_ENTRY.mask(field), 0n);
    const reserved =
      PASID_ENTRY.reserved |
      addressExcess(PASID_ENTRY, 'SSPTPTR', width) |
      domainExcess(PASID_ENTRY, capabilities.domainIdBits) |
      addressExcess(PASID_ENTRY, 'FSPTPTR', width) |
      missing(capabilities.secondStage, 'SSPTPTR', 'AW') |
      missing(capabilities.secondStage && capabilities.secondStageDirty, 'SSADE') |
      missing(capabilities.firstStage, 'FSPTPTR', 'FSPM', 'WPE') |
      missing(capabilities.extendedAccessed, 'EAFE') |
      missing(capabilities.supervisorRequests, 'SRE') |
      missing(capabilities.executeRequests, 'ERE', 'SSEE') |
      missing(capabilities.scalableCoherent, 'PWSNP') |
      missing(capabilities.snoopControl, 'PGSNP') |
      missing(capabilities.memoryTypes, 'CD', 'EMTE', 'EMT', 'PWT', 'PCD', 'PAT');
    this.#entryReserved = maskWords(reserved, 512);
  }

  /** What the structures say about a PASID of a requester. Faults are values of kind FAULT. */
  decode(scalable: ScalableContext, pasid: number): TranslationContext {
    const reader = this.#reader;
    const { words } = reader;
    reader.isCoherent = this.#capabilities.scalableCoherent && !this.#capabilities.writeBufferFlush;
    // 1. The directory entry.
    this.reads = 1;
    const index = pasid >>> 6;
    if (!reader.read(scalable.directoryHi, scalable.directoryLo, index, PASID_DIRECTORY_ENTRY)) {
      return faultContext(FaultReason.PASID_DIRECTORY_ACCESS, scalable.faultProcessingDisabled);
    }
    const suppressed = scalable.faultProcessingDisabled || DIRECTORY_FPD.of(words, 0) !== 0;
    if ((words[0]! & 1) === 0) return faultContext(FaultReason.PASID_DIRECTORY_NOT_PRESENT, suppressed);
    if (anyBit(this.#directoryReserved, words, 0))
      return faultContext(FaultReason.PASID_DIRECTORY_RESERVED, suppressed);

    // 2. The PASID table entry.
    this.reads = 2;
    if (!reader.read(words[1]!, words[0]! & ~0xfff, pasid & 0x3f, PASID_ENTRY)) {
      return faultContext(FaultReason.PASID_ENTRY_ACCESS, suppressed);
    }
    const off = suppressed || FPD.of(words, 0) !== 0;
    if (P.of(words, 0) === 0) return faultContext(FaultReason.PASID_ENTRY_NOT_PRESENT, off);
    if (anyBit(this.#entryReserved, words, 0)) return faultContext(FaultReason.PASID_ENTRY_RESERVED, off);
    const context = this.#decodeEntry(words, pasid);
    context.faultProcessingDisabled = off;
    return context;
  }

  /** 3. The translation type, and whether this unit has what it asks for. */
  #decodeEntry(words: Int32Array, pasid: number): TranslationContext {
    const { passThrough, secondStage, firstStage, nesting } = this.#capabilities;
    const context = new TranslationContext();
    context.scalable = true;
    context.domain = DID.of(words, 0);
    context.pasidTag = pasid;
    context.supervisorRequests = SRE.of(words, 0) !== 0;
    context.executeRequests = ERE.of(words, 0) !== 0;
    context.secondStageExecute = SSEE.of(words, 0) !== 0;
    context.secondStageDirty = SSADE.of(words, 0) !== 0;
    context.noExecute = NXE.of(words, 0) !== 0;
    context.extendedAccessed = EAFE.of(words, 0) !== 0;
    context.writeProtect = WPE.of(words, 0) !== 0;
    context.supervisorExecutePrevention = SMEP.of(words, 0) !== 0;
    context.snooped = this.#capabilities.scalableCoherent || PWSNP.of(words, 0) !== 0;
    switch (PGTT.of(words, 0)) {
      case PasidTranslationType.FIRST_STAGE:
        return firstStage && this.#takeFirstStage(context, words) ? context : invalid();
      case PasidTranslationType.SECOND_STAGE:
        return secondStage && this.#takeSecondStage(context, words) ? context : invalid();
      case PasidTranslationType.NESTED:
        if (!nesting || !this.#takeSecondStage(context, words)) return invalid();
        context.nested = new NestedTranslator(this.#secondStage, context);
        return this.#takeFirstStage(context, words) ? context : invalid();
      case PasidTranslationType.PASS_THROUGH:
        context.kind = ContextKind.PASS_THROUGH;
        return passThrough ? context : invalid();
      default:
        return invalid();
    }
  }

  #takeSecondStage(context: TranslationContext, words: Int32Array): boolean {
    const levels = AW.of(words, 0) + 2;
    if (!this.#capabilities.supportsLevels(levels)) return false;
    context.kind = ContextKind.SECOND_STAGE;
    context.secondStage = new TableRoot(this.#secondStage.formatOf(context.secondStageExecute), {
      hi: words[1]!,
      lo: words[0]! & ~0xfff,
      levels,
      inputBits: this.#capabilities.inputBits(levels),
    });
    return true;
  }

  #takeFirstStage(context: TranslationContext, words: Int32Array): boolean {
    const mode = FSPM.of(words, 0);
    if (mode > 1 || (mode === 1 && !this.#capabilities.firstStage5Level)) return false;
    const { nested } = context;
    const guestBits = Math.min(this.#capabilities.guestAddressWidth, context.secondStage?.inputBits ?? 64);
    if (nested !== null && isWider(words[FS_POINTER + 1]!, words[FS_POINTER]!, guestBits)) return false;
    context.kind = nested === null ? ContextKind.FIRST_STAGE : ContextKind.NESTED;
    context.firstStage = new TableRoot(this.#firstStage.formatOf(context), {
      hi: words[FS_POINTER + 1]!,
      lo: words[FS_POINTER]! & ~0xfff,
      levels: 4 + mode,
      inputBits: 48 + 9 * mode,
      region: 'canonical',
      translator: nested,
    });
    return true;
  }
}

const invalid = (): TranslationContext => faultContext(FaultReason.PASID_ENTRY_INVALID, false);
