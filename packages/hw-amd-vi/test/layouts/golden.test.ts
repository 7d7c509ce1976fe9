import { wordLayout, type WordLayout } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import * as commands from '../../src/layouts/commands.js';
import { DEVICE_TABLE_ENTRY, GCR3_ENTRY } from '../../src/layouts/device-table-entry.js';
import * as events from '../../src/layouts/events.js';
import { GUEST_PTE, HOST_PDE, HOST_PTE } from '../../src/layouts/page-table-entries.js';
import { Register } from '../../src/layouts/register-offsets.js';
import * as registers from '../../src/layouts/registers.js';
import { AMD_VI_PRESETS } from '../../src/presets.js';

/**
 * Where each field lies, typed from the fact sheet as masks of 64-bit words: `[word, mask]`, word 0 lowest. A layout must have these
 * fields and no others.
 */
type Ruler = Readonly<Record<string, readonly [word: number, mask: bigint]>>;

const RULERS: readonly (readonly [WordLayout<string>, Ruler])[] = [
  [
    DEVICE_TABLE_ENTRY,
    {
      V: [0, 0x1n],
      TV: [0, 0x2n],
      HAD: [0, 0x180n],
      MODE: [0, 0xe00n],
      ROOT: [0, 0x000f_ffff_ffff_f000n],
      PPR: [0, 0x0010_0000_0000_0000n],
      GPRP: [0, 0x0020_0000_0000_0000n],
      GIOV: [0, 0x0040_0000_0000_0000n],
      GV: [0, 0x0080_0000_0000_0000n],
      GLX: [0, 0x0300_0000_0000_0000n],
      GCR3_14_12: [0, 0x1c00_0000_0000_0000n],
      IR: [0, 0x2000_0000_0000_0000n],
      IW: [0, 0x4000_0000_0000_0000n],
      DOMAIN_ID: [1, 0xffffn],
      GCR3_30_15: [1, 0xffff_0000n],
      I: [1, 0x1_0000_0000n],
      SE: [1, 0x2_0000_0000n],
      SA: [1, 0x4_0000_0000n],
      IOCTL: [1, 0x18_0000_0000n],
      CACHE: [1, 0x20_0000_0000n],
      SD: [1, 0x40_0000_0000n],
      EX: [1, 0x80_0000_0000n],
      SYS_MGT: [1, 0x300_0000_0000n],
      GCR3_51_31: [1, 0xffff_f800_0000_0000n],
      IV: [2, 0x1n],
      INT_TAB_LEN: [2, 0x1en],
      IG: [2, 0x20n],
      INT_TAB_PTR: [2, 0x000f_ffff_ffff_ffc0n],
      GUEST_PAGING_MODE: [2, 0x00c0_0000_0000_0000n],
      INIT_PASS: [2, 0x0100_0000_0000_0000n],
      EINT_PASS: [2, 0x0200_0000_0000_0000n],
      NMI_PASS: [2, 0x0400_0000_0000_0000n],
      INT_CTL: [2, 0x3000_0000_0000_0000n],
      LINT0_PASS: [2, 0x4000_0000_0000_0000n],
      LINT1_PASS: [2, 0x8000_0000_0000_0000n],
      ATTR_V: [3, 0x0040_0000_0000_0000n],
      MODE0_FC: [3, 0x0080_0000_0000_0000n],
      SNOOP_ATTRIBUTE: [3, 0xff00_0000_0000_0000n],
    },
  ],
  [GCR3_ENTRY, { V: [0, 1n], BASE: [0, 0x000f_ffff_ffff_f000n] }],
  [
    HOST_PDE,
    {
      PR: [0, 0x1n],
      A: [0, 0x20n],
      NEXT_LEVEL: [0, 0xe00n],
      ADDRESS: [0, 0x000f_ffff_ffff_f000n],
      IR: [0, 1n << 61n],
      IW: [0, 1n << 62n],
    },
  ],
  [
    HOST_PTE,
    {
      PR: [0, 0x1n],
      A: [0, 0x20n],
      D: [0, 0x40n],
      NEXT_LEVEL: [0, 0xe00n],
      ADDRESS: [0, 0x000f_ffff_ffff_f000n],
      U: [0, 1n << 59n],
      FC: [0, 1n << 60n],
      IR: [0, 1n << 61n],
      IW: [0, 1n << 62n],
    },
  ],
  [
    GUEST_PTE,
    {
      P: [0, 0x1n],
      RW: [0, 0x2n],
      US: [0, 0x4n],
      PWT: [0, 0x8n],
      PCD: [0, 0x10n],
      A: [0, 0x20n],
      D: [0, 0x40n],
      PS: [0, 0x80n],
      G: [0, 0x100n],
      ADDRESS: [0, 0x000f_ffff_ffff_f000n],
      NX: [0, 1n << 63n],
    },
  ],
  [
    commands.COMPLETION_WAIT,
    {
      S: [0, 1n],
      I: [0, 2n],
      F: [0, 4n],
      STORE_ADDRESS: [0, 0x000f_ffff_ffff_fff8n],
      OPCODE: [0, 0xfn << 60n],
      STORE_DATA: [1, 0xffff_ffff_ffff_ffffn],
    },
  ],
  [commands.INVALIDATE_DEVTAB_ENTRY, { DEVICE_ID: [0, 0xffffn], OPCODE: [0, 0xfn << 60n] }],
  [
    commands.INVALIDATE_IOMMU_PAGES,
    {
      PASID: [0, 0xf_ffffn],
      DOMAIN_ID: [0, 0xffff_0000_0000n],
      OPCODE: [0, 0xfn << 60n],
      S: [1, 1n],
      PDE: [1, 2n],
      GN: [1, 4n],
      ADDRESS: [1, 0xffff_ffff_ffff_f000n],
    },
  ],
  [
    commands.INVALIDATE_IOTLB_PAGES,
    {
      DEVICE_ID: [0, 0xffffn],
      PASID_15_8: [0, 0xff_0000n],
      MAX_PEND: [0, 0xff00_0000n],
      QUEUE_ID: [0, 0xffff_0000_0000n],
      PASID_7_0: [0, 0xff_0000_0000_0000n],
      OPCODE: [0, 0xfn << 60n],
      S: [1, 1n],
      GN: [1, 4n],
      TYPE: [1, 0x30n],
      ADDRESS: [1, 0xffff_ffff_ffff_f000n],
    },
  ],
  [commands.INVALIDATE_INTERRUPT_TABLE, { DEVICE_ID: [0, 0xffffn], OPCODE: [0, 0xfn << 60n] }],
  [
    commands.COMPLETE_PPR_REQUEST,
    {
      DEVICE_ID: [0, 0xffffn],
      PASID: [0, 0x000f_ffff_0000_0000n],
      OPCODE: [0, 0xfn << 60n],
      GN: [1, 4n],
      COMPLETION_TAG: [1, 0x3ff_0000_0000n],
      STATUS: [1, 0xf000_0000_0000n],
    },
  ],
  [commands.INVALIDATE_IOMMU_ALL, { OPCODE: [0, 0xfn << 60n] }],
  [
    events.EVENT,
    {
      DEVICE_ID: [0, 0xffffn],
      PASID_19_16: [0, 0xf_0000n],
      DOMAIN_ID: [0, 0xffff_0000_0000n],
      GN: [0, 1n << 48n],
      NX: [0, 1n << 49n],
      US: [0, 1n << 50n],
      I: [0, 1n << 51n],
      PR: [0, 1n << 52n],
      RW: [0, 1n << 53n],
      PE: [0, 1n << 54n],
      RZ: [0, 1n << 55n],
      TR: [0, 1n << 56n],
      TYPE: [0, 3n << 57n],
      CODE: [0, 0xfn << 60n],
      ADDRESS: [1, 0xffff_ffff_ffff_ffffn],
    },
  ],
  [
    events.PPR_ENTRY,
    {
      DEVICE_ID: [0, 0xffffn],
      PASID_15_0: [0, 0xffff_0000n],
      TAG: [0, 0x3ff_0000_0000n],
      PASID_19_16: [0, 0x3c00_0000_0000n],
      EXEC: [0, 0x2n << 48n],
      READ: [0, 0x4n << 48n],
      WRITE: [0, 0x20n << 48n],
      US: [0, 0x40n << 48n],
      RVSD: [0, 0x80n << 48n],
      GN: [0, 0x100n << 48n],
      CODE: [0, 0xfn << 60n],
      ADDRESS: [1, 0xffff_ffff_ffff_ffffn],
    },
  ],
  [registers.DEVICE_TABLE_BASE, { SIZE: [0, 0x1ffn], BASE: [0, 0x000f_ffff_ffff_f000n] }],
  [registers.DEVICE_TABLE_SEGMENT, { SIZE: [0, 0xffn], BASE: [0, 0x000f_ffff_ffff_f000n] }],
  [registers.RING_BASE, { LEN: [0, 0xfn << 56n], BASE: [0, 0x000f_ffff_ffff_f000n] }],
  [registers.RING_POINTER, { PTR: [0, 0x7_fff0n] }],
  [registers.EXCLUSION_BASE, { EX_EN: [0, 1n], ALLOW: [0, 2n], BASE: [0, 0x000f_ffff_ffff_f000n] }],
  [registers.EXCLUSION_LIMIT, { LIMIT: [0, 0x000f_ffff_ffff_f000n] }],
];

/** Bits of single-bit and wider fields as the sheet lists them: name and lowest bit. */
const CONTROL_BITS = {
  IOMMU_EN: 0,
  HT_TUN_EN: 1,
  EVENT_LOG_EN: 2,
  EVENT_INT_EN: 3,
  COM_WAIT_INT_EN: 4,
  INV_TIME_OUT: 5,
  PASS_PW: 8,
  RES_PASS_PW: 9,
  COHERENT: 10,
  ISOC: 11,
  CMD_BUF_EN: 12,
  PPR_LOG_EN: 13,
  PPR_INT_EN: 14,
  PPR_EN: 15,
  GT_EN: 16,
  GA_EN: 17,
  CRW: 18,
  SMI_F_EN: 22,
  SLF_WB_DIS: 23,
  SMI_F_LOG_EN: 24,
  GAM_EN: 25,
  GA_LOG_EN: 28,
  GA_INT_EN: 29,
  DUAL_PPR_LOG: 30,
  DUAL_EVT_LOG: 32,
  DEV_TBL_SEG_EN: 34,
  PRIV_ABRT_EN: 37,
  PPR_AUTO_RSP_EN: 39,
  MARC_EN: 40,
  BLK_STOP_MRK_EN: 41,
  PPR_AUTO_RSP_AON: 42,
  EPH_EN: 45,
  HAD_UPDATE: 46,
  GD_UPDATE_DIS: 48,
  XT_EN: 50,
  INT_CAP_XT_EN: 51,
  GA_UPDATE_DIS: 54,
  IRT_CACHE_DIS: 59,
  SNP_AVIC_EN: 61,
};
const STATUS_BITS = {
  EVENT_OVERFLOW: 0,
  EVENT_LOG_INT: 1,
  COM_WAIT_INT: 2,
  EVENT_LOG_RUN: 3,
  CMD_BUF_RUN: 4,
  PPR_OVERFLOW: 5,
  PPR_INT: 6,
  PPR_LOG_RUN: 7,
  GA_LOG_RUN: 8,
  GA_LOG_OVERFLOW: 9,
  GA_INT: 10,
};
const FEATURE_BITS = {
  PREF_SUP: 0,
  PPR_SUP: 1,
  XT_SUP: 2,
  NX_SUP: 3,
  GT_SUP: 4,
  IA_SUP: 6,
  GA_SUP: 7,
  HE_SUP: 8,
  PC_SUP: 9,
  HATS: 10,
  GATS: 12,
  GLX_SUP: 14,
  SMIF_SUP: 16,
  SMIF_RC: 18,
  GAM_SUP: 21,
  DUAL_PPR_LOG_SUP: 24,
  DUAL_EVENT_LOG_SUP: 28,
  PAS_MAX: 32,
  US_SUP: 37,
  DEV_TBL_SEG_SUP: 38,
  PPR_OVERFLOW_EARLY_SUP: 40,
  PPR_AUTO_RSP_SUP: 41,
  MARC_SUP: 42,
  BLK_STOP_MRK_SUP: 44,
  PERF_OPT_SUP: 45,
  MSI_CAP_MMIO_SUP: 46,
  GIO_SUP: 48,
  HA_SUP: 49,
  EPH_SUP: 50,
  ATTR_FW_SUP: 51,
  HD_SUP: 52,
  INV_IOTLB_TYPE_SUP: 54,
  GA_UPDATE_DIS_SUP: 61,
  FORCE_PHYS_DEST_SUP: 62,
  SNP_SUP: 63,
};

describe('layouts', () => {
  it.each(RULERS.map(([layout, ruler]) => [layout.name, layout, ruler] as const))('%s', (_, layout, ruler) => {
    const masks = Object.fromEntries(
      Object.entries(ruler).map(([name, [word, mask]]) => [name, mask << BigInt(64 * word)]),
    );
    const found = Object.fromEntries(Object.keys(layout.fields).map((name) => [name, layout.mask(name)]));
    expect(found).toEqual(masks);
  });

  it.each([
    ['Control', registers.CONTROL, CONTROL_BITS],
    ['Status', registers.STATUS, STATUS_BITS],
    ['Extended Feature', registers.EXTENDED_FEATURE, FEATURE_BITS],
  ] as const)('%s', (_, layout: WordLayout<string>, bits) => {
    for (const [name, lowest] of Object.entries(bits)) {
      expect(layout.encode({ [name]: 1 }), name).toBe(1n << BigInt(lowest));
    }
  });

  it('refuse fields that overlap when they are loaded', () => {
    expect(() => wordLayout('twice', 64, { A: [7, 4], B: [4, 0] })).toThrow(/twice/);
  });
});

describe('golden words', () => {
  it('of device table entries, as Linux wrote them', () => {
    const translating = 0x6000_0000_0010_5603n | (2n << 64n) | (0x2000_0000_0400_0013n << 128n);
    expect(DEVICE_TABLE_ENTRY.decode(translating)).toMatchObject({
      V: 1n,
      TV: 1n,
      MODE: 3n,
      ROOT: 0x105n,
      IR: 1n,
      IW: 1n,
      DOMAIN_ID: 2n,
      IV: 1n,
      INT_TAB_LEN: 9n,
      INT_CTL: 2n,
      INT_TAB_PTR: 0x400_0000n >> 6n,
    });
    expect(DEVICE_TABLE_ENTRY.decode(3n | (1n << 128n))).toMatchObject({
      V: 1n,
      TV: 1n,
      IR: 0n,
      IW: 0n,
      MODE: 0n,
      IV: 1n,
    });
  });

  it('of page table entries, as Linux wrote them', () => {
    const page = 0x1_2345_6000n;
    expect(HOST_PDE.encode({ PR: 1, NEXT_LEVEL: 2, ADDRESS: page >> 12n, IR: 1, IW: 1 })).toBe(0x6000_0001_2345_6401n);
    expect(HOST_PTE.encode({ PR: 1, FC: 1, ADDRESS: page >> 12n, IR: 1, IW: 1 })).toBe(0x7000_0001_2345_6001n);
    expect(HOST_PTE.encode({ PR: 1, FC: 1, ADDRESS: page >> 12n, IW: 1 })).toBe(0x5000_0001_2345_6001n);
    // 32 KiB: bits 13:12 are ones, bit 14 is zero.
    expect(HOST_PTE.decode(0x7000_0001_2345_3e01n)).toMatchObject({ NEXT_LEVEL: 7n, ADDRESS: 0x12_3453n });
  });

  it('of commands, as Linux queued them', () => {
    expect(commands.INVALIDATE_IOMMU_PAGES.decode((0x3100_7003n << 64n) | 0x3000_0005_0000_0000n)).toEqual({
      OPCODE: 3n,
      DOMAIN_ID: 5n,
      PASID: 0n,
      GN: 0n,
      S: 1n,
      PDE: 1n,
      ADDRESS: 0x3_1007n,
    });
    expect(commands.COMPLETION_WAIT.decode((7n << 64n) | 0x1000_0000_0010_4001n)).toEqual({
      OPCODE: 1n,
      S: 1n,
      I: 0n,
      F: 0n,
      STORE_ADDRESS: 0x10_4000n >> 3n,
      STORE_DATA: 7n,
    });
  });

  it('of the extended feature register', () => {
    // QEMU: PreF, PPR, GT, IA, GA, HE, HATS 6-level.
    expect(registers.EXTENDED_FEATURE.decode(0x29d3n)).toMatchObject({
      PREF_SUP: 1n,
      PPR_SUP: 1n,
      GT_SUP: 1n,
      IA_SUP: 1n,
      GA_SUP: 1n,
      HE_SUP: 1n,
      HATS: 2n,
      GATS: 2n,
    });
    const { efr } = AMD_VI_PRESETS['zen-server'];
    expect(registers.EXTENDED_FEATURE.decode(efr)).toMatchObject({
      GT_SUP: 1n,
      HATS: 2n,
      GATS: 1n,
      GLX_SUP: 2n,
      PAS_MAX: 15n,
      DEV_TBL_SEG_SUP: 2n,
      GIO_SUP: 1n,
      HA_SUP: 1n,
      HD_SUP: 1n,
      US_SUP: 1n,
    });
  });

  it('of register offsets', () => {
    expect(Register).toEqual({
      DEVICE_TABLE_BASE: 0x00,
      COMMAND_BUFFER_BASE: 0x08,
      EVENT_LOG_BASE: 0x10,
      CONTROL: 0x18,
      EXCLUSION_BASE: 0x20,
      EXCLUSION_LIMIT: 0x28,
      EXTENDED_FEATURE: 0x30,
      PPR_LOG_BASE: 0x38,
      DEVICE_TABLE_SEGMENT_1: 0x100,
      EXTENDED_FEATURE_2: 0x1a0,
      COMMAND_BUFFER_HEAD: 0x2000,
      COMMAND_BUFFER_TAIL: 0x2008,
      EVENT_LOG_HEAD: 0x2010,
      EVENT_LOG_TAIL: 0x2018,
      STATUS: 0x2020,
      PPR_LOG_HEAD: 0x2030,
      PPR_LOG_TAIL: 0x2038,
      PPR_AUTO_RESPONSE: 0x2080,
    });
  });
});
