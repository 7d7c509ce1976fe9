/**
 * Byte offsets of the registers from the unit's base (VT-d 11.4, table of registers). IVA, IOTLB and FRCD lie where ECAP.IRO and
 * CAP.FRO say (in units of 16 bytes) and are therefore not in this table.
 */
export const RegisterOffset = {
  VER: 0x00,
  CAP: 0x08,
  ECAP: 0x10,
  GCMD: 0x18,
  GSTS: 0x1c,
  RTADDR: 0x20,
  CCMD: 0x28,
  FSTS: 0x34,
  FECTL: 0x38,
  FEDATA: 0x3c,
  FEADDR: 0x40,
  FEUADDR: 0x44,
  PMEN: 0x64,
  PLMBASE: 0x68,
  PLMLIMIT: 0x6c,
  PHMBASE: 0x70,
  PHMLIMIT: 0x78,
  IQH: 0x80,
  IQT: 0x88,
  IQA: 0x90,
  ICS: 0x9c,
  IECTL: 0xa0,
  IEDATA: 0xa4,
  IEADDR: 0xa8,
  IEUADDR: 0xac,
  IQERCD: 0xb0,
  IRTA: 0xb8,
  PQH: 0xc0,
  PQT: 0xc8,
  PQA: 0xd0,
  PRS: 0xdc,
  PECTL: 0xe0,
  PEDATA: 0xe4,
  PEADDR: 0xe8,
  PEUADDR: 0xec,
} as const;

/** IVA relative to ECAP.IRO * 16. */
export const IVA_OFFSET = 0x0;
/** IOTLB relative to ECAP.IRO * 16. */
export const IOTLB_OFFSET = 0x8;
/** Bytes of one fault recording register. */
export const FRCD_BYTES = 16;
/** Bytes of the register page. */
export const REGISTER_WINDOW_BYTES = 0x1000;
