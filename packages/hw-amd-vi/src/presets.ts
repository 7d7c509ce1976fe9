/** What a platform's IOMMU is. */
export interface AmdViPreset {
  /** Extended Feature Register. */
  readonly efr: bigint;
  /** Extended Feature 2 Register. */
  readonly efr2: bigint;
  /** The PCI capability's NpCache bit: what is not present may be cached, and drivers invalidate after a map. */
  readonly npCache: boolean;
  /** Whether a unit with NpCache does cache what is not present. */
  readonly negative: boolean;
  /** Device table entries that the unit caches; 0: it reads the table at every request. */
  readonly deviceEntries: number;
  /** Page directories that the unit caches; 0: every walk starts at the root. */
  readonly directoryEntries: number;
}

/** Name of a preset. */
export type AmdViPresetName = 'qemu-q35-7.2' | 'zen-server';

/** Units by the platform that has them. */
export const AMD_VI_PRESETS: Readonly<Record<AmdViPresetName, AmdViPreset>> = {
  /**
   * QEMU's amd-iommu on q35, version 7.2. It caches pages, never device table entries or page directories. NpCache is for hypervisors
   * that shadow a guest's tables: it says so and caches nothing of the kind.
   */
  'qemu-q35-7.2': { efr: 0x29d3n, efr2: 0n, npCache: true, negative: false, deviceEntries: 0, directoryEntries: 0 },
  /** A server of the Zen 3 and 4 generations: six host levels, guest tables with five, page requests, hardware dirty tracking. */
  'zen-server': {
    // PreF, PPR, NX, GT, IA, GA, HATS 6-level, GATS 5-level, three GCR3 levels, 16 PASID bits, US, 4 segments, GIo, HA, HD.
    efr: 0x0013_00af_0000_98dbn,
    efr2: 0n,
    npCache: false,
    negative: true,
    deviceEntries: 64,
    directoryEntries: 256,
  },
};
