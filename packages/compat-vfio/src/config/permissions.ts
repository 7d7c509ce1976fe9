/** Rights of a user on some bits of configuration space. Every byte can be read; where it is read from depends on `virtual`. */
export interface ConfigField {
  /** First byte, counted from the start of the structure. */
  readonly offset: number;
  readonly bytes: 1 | 2 | 4;
  /** Bits that are read from, and written to, the copy that the user sees; the others go to the device. */
  readonly virtual: number;
  /** Bits that the user may write; writes to others are dropped without an error. */
  readonly writable: number;
  /** Register name of the PCI specification. */
  readonly name: string;
}

const field = (name: string, offset: number, bytes: 1 | 2 | 4, virtual: number, writable: number): ConfigField => ({
  name,
  offset,
  bytes,
  virtual,
  writable,
});

const ALL8 = 0xff;
const ALL16 = 0xffff;
const ALL32 = 0xffff_ffff;

/** Bits of the command register. */
export const Command = { IO: 1, MEMORY: 2, MASTER: 4, INTX_DISABLE: 0x400 } as const;
/** Bit of the status register: the capability pointer is valid. */
export const STATUS_CAP_LIST = 0x10;
/** Offsets in the type 0 header. */
export const Header = {
  COMMAND: 0x04,
  STATUS: 0x06,
  BAR0: 0x10,
  ROM: 0x30,
  CAPABILITY_LIST: 0x34,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
  BYTES: 0x40,
} as const;

/** The type 0 header, `init_pci_cap_basic_perm` of vfio_pci_config.c. Identity, BARs and interrupt pin are the user's copy. */
export const headerFields: readonly ConfigField[] = [
  field('Vendor ID', 0x00, 2, ALL16, 0),
  field('Device ID', 0x02, 2, ALL16, 0),
  field('Command', Header.COMMAND, 2, Command.INTX_DISABLE, ALL16),
  field('Status', Header.STATUS, 2, STATUS_CAP_LIST, 0),
  field('Cache Line Size', 0x0c, 1, 0, ALL8),
  field('Latency Timer', 0x0d, 1, 0, ALL8),
  field('BIST', 0x0f, 1, 0, ALL8),
  ...[0, 1, 2, 3, 4, 5].map((bar) => field(`BAR ${bar}`, Header.BAR0 + 4 * bar, 4, ALL32, ALL32)),
  field('Expansion ROM', Header.ROM, 4, ALL32, ALL32),
  field('Capabilities Pointer', Header.CAPABILITY_LIST, 1, ALL8, 0),
  field('Interrupt Line', Header.INTERRUPT_LINE, 1, ALL8, ALL8),
  field('Interrupt Pin', Header.INTERRUPT_PIN, 1, ALL8, 0),
];

/** Capability ids of the first 256 bytes that vfio-pci shows; all others it takes out of the chain. */
export const Cap = {
  PM: 1,
  AGP: 2,
  VPD: 3,
  MSI: 5,
  PCIX: 7,
  HT: 8,
  VNDR: 9,
  EXP: 16,
  MSIX: 17,
  SATA: 18,
  AF: 19,
} as const;

/** Bits of Power Management Capabilities and Control/Status. */
export const Pm = { PMC: 2, CTRL: 4, PME_SUPPORT: 0xf800, STATE: 3, PME_ENABLE: 0x100, PME_STATUS: 0x8000 } as const;
/** Registers and bits of the PCI Express capability. */
export const Exp = { CAP: 2, DEVCAP: 4, DEVCTL: 8, DEVCTL2: 0x28, DEVCAP_FLR: 0x1000_0000, FLR: 0x8000 } as const;
/** Registers and bits of Advanced Features. */
export const Af = { CAP: 3, CTRL: 4, CAP_TP_AND_FLR: 3, FLR: 1 } as const;
/** Registers and bits of the MSI capability. */
export const Msi = { FLAGS: 2, ENABLE: 1, QMASK: 0xe, QSIZE: 0x70, WIDE: 0x80, MASKBIT: 0x100 } as const;

const next = field('Next Capability', 1, 1, ALL8, 0);

/** Capabilities with rights of their own; every other one can be read and not written, except the vendor's own, which is the device's. */
export const capabilityFields: ReadonlyMap<number, readonly ConfigField[]> = new Map([
  [
    Cap.PM,
    [
      next,
      field('PMC', Pm.PMC, 2, Pm.PME_SUPPORT, 0),
      field(
        'PMCSR',
        Pm.CTRL,
        4,
        Pm.PME_ENABLE | Pm.PME_STATUS,
        (ALL32 & ~(Pm.PME_ENABLE | Pm.PME_STATUS | Pm.STATE)) >>> 0,
      ),
    ],
  ],
  [Cap.VPD, [next, field('VPD Address', 2, 2, ALL16, ALL16), field('VPD Data', 4, 4, ALL32, ALL32)]],
  [Cap.PCIX, [next, field('PCI-X Command', 2, 2, 0, ALL16), field('PCI-X ECC Control', 8, 4, 0, ALL32)]],
  [
    Cap.EXP,
    [
      next,
      // Virtual: FLR, maximum payload, maximum read request. Not writable: phantom functions.
      field('Device Control', Exp.DEVCTL, 2, Exp.FLR | 0xe0 | 0x7000, ALL16 & ~0x200),
      // Not writable: ARI forwarding.
      field('Device Control 2', Exp.DEVCTL2, 2, 0, ALL16 & ~0x20),
    ],
  ],
  [Cap.AF, [next, field('AF Control', Af.CTRL, 1, Af.FLR, Af.FLR)]],
]);

/** The MSI capability depends on its own flags: 64-bit address, mask bits. */
export function msiFields(flags: number): readonly ConfigField[] {
  const wide = (flags & Msi.WIDE) !== 0;
  const data = wide ? 12 : 8;
  const fields = [
    next,
    field('Message Control', Msi.FLAGS, 1, ALL8, ALL8),
    field('Message Address', 4, 4, ALL32, ALL32),
    field('Message Data', data, 2, ALL16, ALL16),
  ];
  if (wide) fields.push(field('Message Upper Address', 8, 4, ALL32, ALL32));
  if ((flags & Msi.MASKBIT) !== 0) {
    fields.push(field('Mask Bits', data + 4, 4, 0, ALL32), field('Pending Bits', data + 8, 4, 0, ALL32));
  }
  return fields;
}

/** Extended capability ids that the tables name. */
export const ExtCap = {
  ERR: 1,
  VC: 2,
  DSN: 3,
  PWR: 4,
  MFVC: 8,
  VC9: 9,
  VNDR: 11,
  ACS: 13,
  ARI: 14,
  ATS: 15,
  SRIOV: 16,
  MCAST: 18,
  PRI: 19,
  REBAR: 21,
  DPA: 22,
  TPH: 23,
  LTR: 24,
  DVSEC: 35,
} as const;

/** The first word of an extended capability holds the pointer to the next one. */
const extHeader = field('Extended Capability Header', 0, 4, ALL32, 0);
// Undefined, DLP, surprise down, poisoned, flow control, timeout, abort, unexpected, overflow, malformed, ECRC, unsupported, ACS,
// internal, multicast, atomic, prefix.
const UNCORRECTABLE = 0x03ff_f031;
// Receiver, bad TLP, bad DLLP, rollover, timer, advisory, internal, log overflow.
const CORRECTABLE = 0xf1c1;
// ECRC generation enable, ECRC check enable.
const ECRC_ENABLES = 0x140;

/** Extended capabilities with rights of their own; vendor-specific ones are the device's, every other one can be read and not written. */
export const extendedCapabilityFields: ReadonlyMap<number, readonly ConfigField[]> = new Map([
  [
    ExtCap.ERR,
    [
      extHeader,
      field('Uncorrectable Error Status', 4, 4, 0, UNCORRECTABLE),
      field('Uncorrectable Error Mask', 8, 4, 0, UNCORRECTABLE),
      field('Uncorrectable Error Severity', 12, 4, 0, UNCORRECTABLE),
      field('Correctable Error Status', 16, 4, 0, CORRECTABLE),
      field('Correctable Error Mask', 20, 4, 0, CORRECTABLE),
      field('AER Capabilities and Control', 24, 4, 0, ECRC_ENABLES),
    ],
  ],
  [ExtCap.PWR, [extHeader, field('Power Budgeting Data', 8, 1, 0, ALL8)]],
]);
