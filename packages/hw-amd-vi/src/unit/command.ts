import { anyBit, maskWords, wordField, type WordLayout } from '@ioasis/core';
import {
  COMPLETE_PPR_REQUEST,
  COMPLETION_WAIT,
  INVALIDATE_DEVTAB_ENTRY,
  INVALIDATE_INTERRUPT_TABLE,
  INVALIDATE_IOMMU_ALL,
  INVALIDATE_IOMMU_PAGES,
  INVALIDATE_IOTLB_PAGES,
  Opcode,
  PREFETCH_IOMMU_PAGES,
} from '../layouts/commands.js';
import type { Capabilities } from './capabilities.js';

const reserved = (layout: WordLayout<string>): Int32Array => maskWords(layout.reserved, 128);
const RESERVED: ReadonlyMap<number, Int32Array> = new Map([
  [Opcode.COMPLETION_WAIT, reserved(COMPLETION_WAIT)],
  [Opcode.INVALIDATE_DEVTAB_ENTRY, reserved(INVALIDATE_DEVTAB_ENTRY)],
  [Opcode.INVALIDATE_IOMMU_PAGES, reserved(INVALIDATE_IOMMU_PAGES)],
  [Opcode.INVALIDATE_IOTLB_PAGES, reserved(INVALIDATE_IOTLB_PAGES)],
  [Opcode.INVALIDATE_INTERRUPT_TABLE, reserved(INVALIDATE_INTERRUPT_TABLE)],
  [Opcode.PREFETCH_IOMMU_PAGES, reserved(PREFETCH_IOMMU_PAGES)],
  [Opcode.COMPLETE_PPR_REQUEST, reserved(COMPLETE_PPR_REQUEST)],
  [Opcode.INVALIDATE_IOMMU_ALL, reserved(INVALIDATE_IOMMU_ALL)],
]);
const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(Opcode).map(([name, opcode]) => [opcode, name]));

const GN = wordField(INVALIDATE_IOMMU_PAGES, 'GN');
const IOTLB_TYPE = wordField(INVALIDATE_IOTLB_PAGES, 'TYPE');

/** Opcode of a command, bits [63:60]. @param words 32-bit words, lowest first */
export const opcodeOf = (words: Int32Array): number => words[1]! >>> 28;

/** The datasheet's name, or the number of an opcode that has none. */
export const commandName = (words: Int32Array): string =>
  NAMES.get(opcodeOf(words)) ?? `reserved opcode ${opcodeOf(words)}`;

/** Whether a unit knows a command: its opcode, no reserved bit, nothing of a feature that the unit does not have (48882 2.4). */
export function isLegalCommand(words: Int32Array, capabilities: Capabilities): boolean {
  const opcode = opcodeOf(words);
  const mask = RESERVED.get(opcode);
  if (mask === undefined || anyBit(mask, words, 0)) return false;
  switch (opcode) {
    case Opcode.INVALIDATE_IOMMU_PAGES:
      return GN.of(words, 0) === 0 || capabilities.guestTranslation;
    case Opcode.INVALIDATE_IOTLB_PAGES:
      return (
        (GN.of(words, 0) === 0 || capabilities.guestTranslation) &&
        (IOTLB_TYPE.of(words, 0) === 0 || capabilities.iotlbType)
      );
    case Opcode.PREFETCH_IOMMU_PAGES:
      return capabilities.prefetch;
    case Opcode.COMPLETE_PPR_REQUEST:
      return capabilities.pageRequests;
    case Opcode.INVALIDATE_IOMMU_ALL:
      return capabilities.invalidateAll;
    default:
      return true;
  }
}
