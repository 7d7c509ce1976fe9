import * as t from 'io-ts';
import { flagOption, integerOption, oneOfOption, optionRecord, requireOptions } from '@ioasis/core';
import type { Type1Parameters } from './type1/state.js';

/** What serves `/dev/vfio/vfio`: iommufd with its compatibility ioctls, or the classic container with the type1 driver. */
export type Personality = 'iommufd' | 'type1';

/** Support for devices without IOMMU: not built, built but not enabled by the module parameter, or enabled. */
export type NoIommuSupport = 'absent' | 'disabled' | 'enabled';

/** How a kernel's VFIO was built and started. */
export interface VfioOptions {
  /** Who serves `/dev/vfio/vfio`; iommufd unless given. `/dev/iommu` is iommufd in any case. */
  readonly personality?: Personality;
  /** `dma_entry_limit` of vfio_iommu_type1: most mappings of one classic container; 65535 unless given. */
  readonly dmaEntryLimit?: number;
  /** `disable_hugepages` of vfio_iommu_type1: the classic container maps every page by itself. */
  readonly disableHugePages?: boolean;
  /** `allow_unsafe_interrupts` of vfio_iommu_type1: groups join although their interrupts are not isolated. */
  readonly allowUnsafeInterrupts?: boolean;
  /** CONFIG_VFIO_NOIOMMU and `enable_unsafe_noiommu_mode`; absent unless given. */
  readonly noIommu?: NoIommuSupport;
  /** Addresses of devices that VFIO takes for devices without IOMMU; needs `noIommu: 'enabled'`. */
  readonly noIommuDevices?: readonly string[];
}

/** {@link VfioOptions} with everything filled in. */
export interface VfioSettings {
  readonly personality: Personality;
  readonly type1: Type1Parameters;
  readonly noIommu: NoIommuSupport;
  readonly noIommuDevices: readonly string[];
}

const codec: t.Type<VfioOptions> = optionRecord<VfioOptions>({
  personality: oneOfOption('iommufd', 'type1'),
  dmaEntryLimit: integerOption(0, 0xffff_ffff),
  disableHugePages: flagOption,
  allowUnsafeInterrupts: flagOption,
  noIommu: oneOfOption('absent', 'disabled', 'enabled'),
  noIommuDevices: t.readonlyArray(t.string),
});

/** Checks options and fills in what was not given. @throws RangeError with one message that names path, value and what is allowed */
export function vfioSettings(options: VfioOptions): VfioSettings {
  const given = requireOptions('vfio', codec, options);
  return {
    personality: given.personality ?? 'iommufd',
    type1: {
      dmaEntryLimit: given.dmaEntryLimit ?? 0xffff,
      disableHugePages: given.disableHugePages ?? false,
      allowUnsafeInterrupts: given.allowUnsafeInterrupts ?? false,
    },
    noIommu: given.noIommu ?? 'absent',
    noIommuDevices: given.noIommuDevices ?? [],
  };
}
