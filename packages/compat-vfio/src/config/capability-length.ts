import { Cap, Exp, ExtCap, Msi } from './permissions.js';

const read16 = (config: Uint8Array, at: number): number => (config[at] ?? 0) | ((config[at + 1] ?? 0) << 8);
const read32 = (config: Uint8Array, at: number): number => (read16(config, at) | (read16(config, at + 2) << 16)) >>> 0;

/**
 * Length in bytes of a capability of the first 256 bytes as vfio-pci shows it; 0 hides it (`pci_cap_length` and `vfio_cap_len` of
 * vfio_pci_config.c).
 */
export function capabilityLength(config: Uint8Array, id: number, at: number): number {
  switch (id) {
    case Cap.PM:
    case Cap.VPD:
      return 8;
    case Cap.AGP:
    case Cap.MSIX:
      return 12;
    case Cap.AF:
      return 6;
    case Cap.MSI: {
      const flags = read16(config, at + Msi.FLAGS);
      return 10 + ((flags & Msi.WIDE) !== 0 ? 4 : 0) + ((flags & Msi.MASKBIT) !== 0 ? 10 : 0);
    }
    case Cap.PCIX:
      return (read16(config, at + 2) & 0x3000) !== 0 ? 24 : 8;
    case Cap.HT:
      // Slave and primary capabilities have three further words.
      return ((config[at + 3] ?? 0) & 0xe0) !== 0 ? 24 : 28;
    case Cap.VNDR:
      return config[at + 2] ?? 0;
    case Cap.EXP: {
      const capabilities = read16(config, at + Exp.CAP);
      const integratedEndpoint = ((capabilities >> 4) & 0xf) === 9;
      if ((capabilities & 0xf) === 1) return integratedEndpoint ? 12 : 20;
      return 44;
    }
    case Cap.SATA:
      return ((config[at + 4] ?? 0) & 0xf) === 0xf ? 16 : 8;
    default:
      return 0;
  }
}

/** Length in bytes of an extended capability; 0 hides it (`pci_ext_cap_length` and `vfio_ext_cap_len`). */
export function extendedCapabilityLength(config: Uint8Array, id: number, at: number): number {
  switch (id) {
    case ExtCap.ERR:
      return 44;
    case ExtCap.DSN:
      return 12;
    case ExtCap.PWR:
    case ExtCap.PRI:
      return 16;
    case ExtCap.ARI:
    case ExtCap.ATS:
    case ExtCap.LTR:
      return 8;
    case ExtCap.SRIOV:
      return 64;
    case ExtCap.MCAST:
      return 40;
    case ExtCap.VC:
    case ExtCap.VC9:
    case ExtCap.MFVC:
      return virtualChannelLength(config, at);
    case ExtCap.VNDR:
    case ExtCap.DVSEC:
      return read32(config, at + 4) >>> 20;
    case ExtCap.ACS: {
      if ((read16(config, at + 4) & 0x20) === 0) return 8;
      const egressBits = config[at + 5] ?? 0;
      return 8 + (egressBits === 0 ? 256 : Math.ceil(egressBits / 32) * 32) / 8;
    }
    case ExtCap.REBAR:
      return 4 + 8 * ((read32(config, at + 8) & 0xe0) >> 5);
    case ExtCap.DPA:
      return 16 + (read32(config, at + 4) & 0x1f) + 1;
    case ExtCap.TPH: {
      const requester = read32(config, at + 4);
      const tableInside = (requester & 0x600) === 0x200;
      return tableInside ? 12 + 2 * ((requester >>> 16) & 0x7ff) + 2 : 12;
    }
    default:
      return 0;
  }
}

function virtualChannelLength(config: Uint8Array, at: number): number {
  const extraChannels = read32(config, at + 4) & 7;
  const arbitration = read32(config, at + 8);
  let phases = 0;
  if ((arbitration & 8) !== 0) phases = 128;
  else if ((arbitration & 4) !== 0) phases = 64;
  else if ((arbitration & 2) !== 0) phases = 32;
  const channels = 16 + 12 * (1 + extraChannels);
  return phases === 0 ? channels : Math.ceil(channels / 16) * 16 + (phases * 4) / 8;
}
