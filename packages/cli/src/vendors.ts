import type { BackendDefinition } from '@ioasis/core';
import { AMD_VI_PRESETS, amdVi, type AmdViPresetName } from '@ioasis/hw-amd-vi';
import { armSmmuv3, SMMU_V3_PRESETS, type SmmuV3PresetName } from '@ioasis/hw-arm-smmuv3';
import { intelVtd, VTD_PRESETS, type VtdPresetName } from '@ioasis/hw-intel-vtd';
import { mockBackend } from '@ioasis/testkit';

/** A backend that comes with the command line. */
export interface Vendor {
  /** `BackendDefinition.id`, by which arguments name it. */
  readonly id: string;
  readonly title: string;
  /** Platforms, by the names that `preset` takes; empty: there is one. */
  readonly presets: readonly string[];
  /** Preset with the most features; undefined: there are no presets. */
  readonly largest: string | undefined;
  /** @param preset one of {@link presets}; absent: the backend's own default */
  make(preset?: string): BackendDefinition;
}

/** The vendor whose presets are the keys of a record. */
function withPresets<Name extends string>(
  id: string,
  title: string,
  presets: Readonly<Record<Name, unknown>>,
  largest: Name,
  make: (options: { readonly preset?: Name }) => BackendDefinition,
): Vendor {
  const names = Object.keys(presets) as Name[];
  return {
    id,
    title,
    presets: names,
    largest,
    make(wanted) {
      const preset = names.find((name) => name === wanted);
      return make(preset === undefined ? {} : { preset });
    },
  };
}

/** Every backend that is installed. */
export const vendors: readonly Vendor[] = [
  withPresets<VtdPresetName>('intel-vtd', 'Intel VT-d', VTD_PRESETS, 'full', intelVtd),
  withPresets<SmmuV3PresetName>('arm-smmuv3', 'Arm SMMUv3', SMMU_V3_PRESETS, 'server', armSmmuv3),
  withPresets<AmdViPresetName>('amd-vi', 'AMD-Vi', AMD_VI_PRESETS, 'zen-server', amdVi),
  {
    id: 'mock',
    title: "the kernel selftests' mock",
    presets: [],
    largest: undefined,
    make: () => mockBackend(),
  },
];

/** The vendor with an id. */
export const findVendor = (id: string): Vendor | undefined => vendors.find((vendor) => vendor.id === id);
