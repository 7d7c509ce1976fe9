import type { IdRegisters } from './unit/capabilities.js';

/** What a platform's SMMU is. */
export interface SmmuV3Preset extends IdRegisters {
  /** Wider addresses do not reach the unit; 64: all do. */
  readonly busBits: number;
  /** Tables found by walks that the unit caches; 0: every walk starts at the root. */
  readonly walkEntries: number;
}

/** Name of a preset. */
export type SmmuV3PresetName = 'qemu-virt-7.2' | 'server';

/** Units by the platform that has them. */
export const SMMU_V3_PRESETS: Readonly<Record<SmmuV3PresetName, SmmuV3Preset>> = {
  /** QEMU's smmuv3 on the virt machine, version 7.2: stage 1 only. Its bus window ends at 48 bits; it caches no tables. */
  'qemu-virt-7.2': {
    idr0: 0x0d40_101a,
    idr1: 0x0273_0010,
    idr3: 0x1404,
    idr5: 0x74,
    iidr: 0,
    aidr: 1,
    busBits: 48,
    walkEntries: 0,
  },
  /**
   * A server-class SMMUv3.2 with everything: both stages, substreams, ATS and PRI, stall and terminate, hardware dirty state, range
   * invalidation, two-level tables, 48-bit output.
   */
  server: {
    // ST_LEVEL 1, TTENDIAN LE, CD2L, VMID16, PRI, MSI, ASID16, ATS, HYP, HTTU 2, COHACC, TTF 2, S1P, S2P.
    idr0: 0x084d_369b,
    // CMDQS 19, EVENTQS 19, PRIQS 19, SSIDSIZE 20, SIDSIZE 32.
    idr1: 0x0273_9d20,
    // BBML 2, RIL, HAD.
    idr3: 0x1404,
    // GRAN64K, GRAN16K, GRAN4K, OAS 48; 256 stalled transactions.
    idr5: 0x0100_0075,
    iidr: 0,
    aidr: 2,
    busBits: 64,
    walkEntries: 256,
  },
};
