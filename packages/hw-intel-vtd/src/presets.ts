/** Capability registers of a platform, and the address width that its ACPI tables report. */
export interface VtdPreset {
  readonly cap: bigint;
  readonly ecap: bigint;
  /** Bits of physical addresses. */
  readonly hostAddressWidth: number;
  /** Version register, 0xMm. */
  readonly version: number;
  /** Where the values come from. */
  readonly source: string;
}

/** Names of the presets. */
export type VtdPresetName =
  | 'qemu-q35-39bit'
  | 'qemu-q35-48bit'
  | 'qemu-q35-48bit-scalable'
  | 'xeon-skylake-sp'
  | 'xeon-sapphire-rapids'
  | 'full';

const qemu = 'QEMU 7.2 q35, intel-iommu with interrupt remapping and caching mode';

/** Platforms by name. */
export const VTD_PRESETS: Readonly<Record<VtdPresetName, VtdPreset>> = {
  'qemu-q35-39bit': {
    cap: 0xd2_008c_2226_0286n,
    ecap: 0xf0_0f4an,
    hostAddressWidth: 39,
    version: 0x10,
    source: `${qemu}, aw-bits=39`,
  },
  'qemu-q35-48bit': {
    cap: 0xd2_008c_222f_0686n,
    ecap: 0xf0_0f4an,
    hostAddressWidth: 48,
    version: 0x10,
    source: `${qemu}, aw-bits=48`,
  },
  'qemu-q35-48bit-scalable': {
    cap: 0xd2_008c_222f_0686n,
    ecap: 0x4800_80f0_0f4an,
    hostAddressWidth: 48,
    version: 0x10,
    source: `${qemu}, aw-bits=48, x-scalable-mode=on`,
  },
  'xeon-skylake-sp': {
    cap: 0x8d2_078c_106f_0466n,
    ecap: 0xf0_20dfn,
    hostAddressWidth: 46,
    version: 0x10,
    source: 'kernel log of a Xeon Scalable (Skylake) server: ver 1:0',
  },
  'xeon-sapphire-rapids': {
    cap: 0x19ed_008c_4078_0c66n,
    ecap: 0x3_ee9e_86f0_50dfn,
    hostAddressWidth: 52,
    version: 0x60,
    source: 'kernel log of a Xeon Scalable (Sapphire Rapids) server: ver 6:0, host address width 52',
  },
  // Sapphire Rapids with eight fault records, three-level tables, PASID, page and execute requests, abort-DMA mode and privileged
  // requests without PASID; without the no-write flag of translation requests.
  full: {
    cap: 0x19ed_078c_4078_0e66n,
    ecap: 0x33_ef9c_e6f0_50dfn,
    hostAddressWidth: 52,
    version: 0x60,
    source: 'everything that this model has',
  },
};
