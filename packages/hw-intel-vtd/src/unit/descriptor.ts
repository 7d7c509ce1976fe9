import { anyBit, maskWords, wordField, type WordField, type WordLayout } from '@ioasis/core';
import {
  CONTEXT_CACHE_DESCRIPTOR,
  DescriptorType,
  DEVICE_TLB_DESCRIPTOR,
  INTERRUPT_ENTRY_CACHE_DESCRIPTOR,
  IOTLB_DESCRIPTOR,
  PAGE_GROUP_RESPONSE_DESCRIPTOR,
  PASID_CACHE_DESCRIPTOR,
  PASID_DEVICE_TLB_DESCRIPTOR,
  PASID_IOTLB_DESCRIPTOR,
  PasidCacheGranularity,
  PasidIotlbGranularity,
  WAIT_DESCRIPTOR,
} from '../layouts/descriptors.js';
import { TranslationTableMode } from '../layouts/control-registers.js';
import { Granularity, QueueErrorInfo } from '../layouts/invalidation-registers.js';
import type { Capabilities } from './capabilities.js';

/** Fields of every descriptor type under one set of names; what a type does not have reads 0. */
const field = <const Name extends string>(layout: WordLayout<Name>, name: Name): WordField => wordField(layout, name);
const TYPE = field(WAIT_DESCRIPTOR, 'TYPE');
const TYPE_HI = field(WAIT_DESCRIPTOR, 'TYPE_HI');
const CONTEXT = {
  G: field(CONTEXT_CACHE_DESCRIPTOR, 'G'),
  DID: field(CONTEXT_CACHE_DESCRIPTOR, 'DID'),
  SID: field(CONTEXT_CACHE_DESCRIPTOR, 'SID'),
  FM: field(CONTEXT_CACHE_DESCRIPTOR, 'FM'),
};
const IOTLB = {
  G: field(IOTLB_DESCRIPTOR, 'G'),
  DID: field(IOTLB_DESCRIPTOR, 'DID'),
  AM: field(IOTLB_DESCRIPTOR, 'AM'),
  IH: field(IOTLB_DESCRIPTOR, 'IH'),
};
const P_IOTLB = {
  G: field(PASID_IOTLB_DESCRIPTOR, 'G'),
  DID: field(PASID_IOTLB_DESCRIPTOR, 'DID'),
  PASID: field(PASID_IOTLB_DESCRIPTOR, 'PASID'),
};
const P_CACHE = {
  G: field(PASID_CACHE_DESCRIPTOR, 'G'),
  DID: field(PASID_CACHE_DESCRIPTOR, 'DID'),
  PASID: field(PASID_CACHE_DESCRIPTOR, 'PASID'),
};
const DEVICE_TLB = { SID: field(DEVICE_TLB_DESCRIPTOR, 'SID'), S: field(DEVICE_TLB_DESCRIPTOR, 'S') };
const P_DEVICE_TLB = {
  SID: field(PASID_DEVICE_TLB_DESCRIPTOR, 'SID'),
  PASID: field(PASID_DEVICE_TLB_DESCRIPTOR, 'PASID'),
  S: field(PASID_DEVICE_TLB_DESCRIPTOR, 'S'),
  G: field(PASID_DEVICE_TLB_DESCRIPTOR, 'G'),
};
const WAIT = {
  IF: field(WAIT_DESCRIPTOR, 'IF'),
  SW: field(WAIT_DESCRIPTOR, 'SW'),
  FN: field(WAIT_DESCRIPTOR, 'FN'),
  STDATA: field(WAIT_DESCRIPTOR, 'STDATA'),
};
const RESPONSE = {
  RC: field(PAGE_GROUP_RESPONSE_DESCRIPTOR, 'RC'),
  RID: field(PAGE_GROUP_RESPONSE_DESCRIPTOR, 'RID'),
  PP: field(PAGE_GROUP_RESPONSE_DESCRIPTOR, 'PP'),
  PASID: field(PAGE_GROUP_RESPONSE_DESCRIPTOR, 'PASID'),
  PRGI: field(PAGE_GROUP_RESPONSE_DESCRIPTOR, 'PRGI'),
  LPIG: field(PAGE_GROUP_RESPONSE_DESCRIPTOR, 'LPIG'),
};

const DESCRIPTOR_BITS = 128;
const ADDRESS_MASK = ~0xfff;

/** A descriptor, decoded: {@link DescriptorType} and the fields that the type has. One object, reused. */
export class Descriptor {
  type = 0;
  granularity = 0;
  domain = 0;
  requester = 0;
  functionMask = 0;
  pasid = 0;
  addressHi = 0;
  addressLo = 0;
  /** AM: 2^AM pages. */
  addressMask = 0;
  /** IH: non-leaf entries did not change. */
  leafOnly = false;
  /** S of device-TLB types: the size is coded in the address. */
  sizeInAddress = false;
  /** G of the PASID device-TLB type: whatever the PASID. */
  anyPasid = false;
  statusWrite = false;
  interrupt = false;
  statusData = 0;
  responseCode = 0;
  hasPasid = false;
  groupIndex = 0;
  lastInGroup = false;
}

/** Decodes descriptors and checks them as the queue does before it runs one (VT-d 6.5.2). */
export class DescriptorDecoder {
  readonly descriptor: Descriptor = new Descriptor();
  readonly #reserved: readonly (Int32Array | null)[];
  readonly #hasPageSelective: boolean;

  constructor(capabilities: Capabilities) {
    this.#hasPageSelective = capabilities.pageSelective;
    this.#reserved = reservedMasks(capabilities);
  }

  /**
   * @param words the descriptor, 4 or 8 words
   * @param wide 256-bit descriptors
   * @param tableMode legacy mode has no PASID types and no page-group responses
   * @returns a {@link QueueErrorInfo}; NONE: {@link descriptor} holds it
   */
  decode(words: Int32Array, wide: boolean, tableMode: number): number {
    const type = (TYPE_HI.of(words, 0) << 4) | TYPE.of(words, 0);
    const reserved = this.#reserved[type] ?? null;
    if (reserved === null) return QueueErrorInfo.INVALID_TYPE;
    if (tableMode === TranslationTableMode.LEGACY && isScalable(type)) return QueueErrorInfo.INVALID_TYPE;
    if (anyBit(reserved, words, 0)) return QueueErrorInfo.RESERVED_FIELD;
    if (wide && (words[4]! | words[5]! | words[6]! | words[7]!) !== 0) return QueueErrorInfo.RESERVED_FIELD;
    this.descriptor.type = type;
    return this.#take(words) ? QueueErrorInfo.NONE : QueueErrorInfo.RESERVED_FIELD;
  }

  /** Copies the fields of the type; false: a granularity that is reserved. */
  #take(words: Int32Array): boolean {
    const to = this.descriptor;
    to.addressLo = words[2]! & ADDRESS_MASK;
    to.addressHi = words[3]!;
    switch (to.type) {
      case DescriptorType.CONTEXT_CACHE:
        to.granularity = CONTEXT.G.of(words, 0);
        to.domain = CONTEXT.DID.of(words, 0);
        to.requester = CONTEXT.SID.of(words, 0);
        to.functionMask = CONTEXT.FM.of(words, 0);
        return to.granularity !== 0;
      case DescriptorType.IOTLB:
        to.granularity = IOTLB.G.of(words, 0);
        to.domain = IOTLB.DID.of(words, 0);
        to.addressMask = IOTLB.AM.of(words, 0);
        to.leafOnly = IOTLB.IH.of(words, 0) !== 0;
        return to.granularity !== 0 && (to.granularity !== Granularity.SELECTIVE || this.#hasPageSelective);
      case DescriptorType.PASID_IOTLB:
        to.granularity = P_IOTLB.G.of(words, 0);
        to.domain = P_IOTLB.DID.of(words, 0);
        to.pasid = P_IOTLB.PASID.of(words, 0);
        to.addressMask = IOTLB.AM.of(words, 0);
        to.leafOnly = IOTLB.IH.of(words, 0) !== 0;
        return to.granularity === PasidIotlbGranularity.ALL_IN_PASID || to.granularity === PasidIotlbGranularity.PAGES;
      case DescriptorType.PASID_CACHE:
        to.granularity = P_CACHE.G.of(words, 0);
        to.domain = P_CACHE.DID.of(words, 0);
        to.pasid = P_CACHE.PASID.of(words, 0);
        return (
          to.granularity === PasidCacheGranularity.DOMAIN ||
          to.granularity === PasidCacheGranularity.PASID ||
          to.granularity === PasidCacheGranularity.GLOBAL
        );
      case DescriptorType.DEVICE_TLB:
        to.requester = DEVICE_TLB.SID.of(words, 0);
        to.sizeInAddress = DEVICE_TLB.S.of(words, 0) !== 0;
        return true;
      case DescriptorType.PASID_DEVICE_TLB:
        to.requester = P_DEVICE_TLB.SID.of(words, 0);
        to.pasid = P_DEVICE_TLB.PASID.of(words, 0);
        to.sizeInAddress = P_DEVICE_TLB.S.of(words, 0) !== 0;
        to.anyPasid = P_DEVICE_TLB.G.of(words, 0) !== 0;
        return true;
      case DescriptorType.WAIT:
        to.interrupt = WAIT.IF.of(words, 0) !== 0;
        to.statusWrite = WAIT.SW.of(words, 0) !== 0;
        to.statusData = WAIT.STDATA.of(words, 0);
        to.addressLo = words[2]! & ~3;
        return true;
      case DescriptorType.PAGE_GROUP_RESPONSE:
        to.responseCode = RESPONSE.RC.of(words, 0);
        to.requester = RESPONSE.RID.of(words, 0);
        to.hasPasid = RESPONSE.PP.of(words, 0) !== 0;
        to.pasid = RESPONSE.PASID.of(words, 0);
        to.groupIndex = RESPONSE.PRGI.of(words, 0);
        to.lastInGroup = RESPONSE.LPIG.of(words, 0) !== 0;
        return true;
      default:
        // Interrupt entry cache: interrupts are not remapped here.
        return true;
    }
  }
}

const isScalable = (type: number): boolean => type >= DescriptorType.PASID_IOTLB;

/** By type: bits that must be zero; null: not a descriptor of this unit. */
function reservedMasks(capabilities: Capabilities): (Int32Array | null)[] {
  const masks: (Int32Array | null)[] = Array.from({ length: 128 }, () => null);
  const accept = (type: number, layout: WordLayout<string>, more: bigint = 0n): void => {
    masks[type] = maskWords(layout.reserved | more, DESCRIPTOR_BITS);
  };
  accept(DescriptorType.CONTEXT_CACHE, CONTEXT_CACHE_DESCRIPTOR);
  accept(DescriptorType.IOTLB, IOTLB_DESCRIPTOR);
  accept(DescriptorType.INTERRUPT_ENTRY_CACHE, INTERRUPT_ENTRY_CACHE_DESCRIPTOR);
  accept(DescriptorType.WAIT, WAIT_DESCRIPTOR, capabilities.pageRequestDrain ? 0n : WAIT_DESCRIPTOR.mask('PD'));
  if (capabilities.scalable) {
    accept(DescriptorType.PASID_IOTLB, PASID_IOTLB_DESCRIPTOR);
    accept(DescriptorType.PASID_CACHE, PASID_CACHE_DESCRIPTOR);
  }
  if (capabilities.deviceTlb) {
    const throttled = capabilities.invalidationThrottling;
    const physical = (layout: WordLayout<'PFSID_LO' | 'PFSID_HI'>): bigint =>
      throttled ? 0n : layout.mask('PFSID_LO') | layout.mask('PFSID_HI');
    accept(DescriptorType.DEVICE_TLB, DEVICE_TLB_DESCRIPTOR, physical(DEVICE_TLB_DESCRIPTOR));
    if (capabilities.scalable) {
      accept(DescriptorType.PASID_DEVICE_TLB, PASID_DEVICE_TLB_DESCRIPTOR, physical(PASID_DEVICE_TLB_DESCRIPTOR));
    }
  }
  if (capabilities.pageRequests) accept(DescriptorType.PAGE_GROUP_RESPONSE, PAGE_GROUP_RESPONSE_DESCRIPTOR);
  return masks;
}
