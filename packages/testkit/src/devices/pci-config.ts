import type { InterruptSink } from '@ioasis/core';

/** Offsets in a type 0 configuration header (PCI 3.0, 6.1), and of the one capability that {@link pciConfig} gives. Bytes. */
export const PciConfig = {
  COMMAND: 0x04,
  STATUS: 0x06,
  BAR0: 0x10,
  CAPABILITIES: 0x34,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
  MSI: 0x40,
  MSI_CONTROL: 0x42,
} as const;

/** Bit of the command register: the function may master the bus. */
export const BUS_MASTER = 0x4;

const CONFIG_BYTES = 256;
const STATUS_HAS_CAPABILITIES = 0x10;
const MSI_CAPABILITY_ID = 0x05;
const MSI_64BIT = 0x80;
const MSI_ENABLE = 0x01;

/** What a device's configuration space says after power-on and firmware. */
export interface PciIdentity {
  readonly vendorId: number;
  readonly deviceId: number;
  /** 24-bit class code. */
  readonly classCode: number;
  readonly revision: number;
  readonly subsystemVendorId: number;
  readonly subsystemId: number;
  /** PCI command register as the firmware left it. */
  readonly command: number;
  /** Address of BAR 0 in the machine's memory space. */
  readonly bar0: number;
  readonly interruptLine: number;
}

/** 256 bytes of configuration space of a function with one memory BAR, INTx and one MSI vector. */
export function pciConfig(identity: PciIdentity): Uint8Array {
  const config = new Uint8Array(CONFIG_BYTES);
  const view = new DataView(config.buffer);
  view.setUint16(0x00, identity.vendorId, true);
  view.setUint16(0x02, identity.deviceId, true);
  view.setUint16(PciConfig.COMMAND, identity.command, true);
  view.setUint16(PciConfig.STATUS, STATUS_HAS_CAPABILITIES, true);
  view.setUint32(0x08, (identity.classCode << 8) | identity.revision, true);
  view.setUint32(PciConfig.BAR0, identity.bar0, true);
  view.setUint16(0x2c, identity.subsystemVendorId, true);
  view.setUint16(0x2e, identity.subsystemId, true);
  config[PciConfig.CAPABILITIES] = PciConfig.MSI;
  config[PciConfig.INTERRUPT_LINE] = identity.interruptLine;
  config[PciConfig.INTERRUPT_PIN] = 1;
  config[PciConfig.MSI] = MSI_CAPABILITY_ID;
  view.setUint16(PciConfig.MSI_CONTROL, MSI_64BIT, true);
  return config;
}

/** Whether software lets the function master the bus. */
export const isBusMaster = (config: Uint8Array): boolean => ((config[PciConfig.COMMAND] ?? 0) & BUS_MASTER) !== 0;

/** Signals the function's one interrupt, by MSI when that is enabled. */
export function signalInterrupt(config: Uint8Array, sink: InterruptSink | undefined): void {
  const isMsi = ((config[PciConfig.MSI_CONTROL] ?? 0) & MSI_ENABLE) !== 0;
  sink?.(isMsi ? 'msi' : 'intx', 0);
}
