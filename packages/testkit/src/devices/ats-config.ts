import { AtsConfig, AtsPci } from './ats-layout.js';
import { pciConfig } from './pci-config.js';

/** What the host's kernel has switched on. */
export interface AtsFeatures {
  readonly ats: boolean;
  readonly pri: boolean;
  readonly pasid: boolean;
}

const EXPRESS_ID = 0x10;
/** Version 2, endpoint. */
const EXPRESS_CAPABILITIES = 0x0002;
const VERSION_1 = 1 << 16;
const ATS_ENABLE = 0x8000;
const ENABLE = 0x1;
/** Max PASID Width 20, in bits 12:8. */
const PASID_CAPABILITY = 20 << 8;
/** Page requests that the device may have outstanding. */
const PRI_CAPACITY = 1;

/** Configuration space after power-on, 4096 bytes. */
export function atsConfig(): Uint8Array {
  const config = new Uint8Array(AtsPci.CONFIG_BYTES);
  config.set(
    pciConfig({
      vendorId: AtsPci.VENDOR_ID,
      deviceId: AtsPci.DEVICE_ID,
      classCode: AtsPci.CLASS_CODE,
      revision: AtsPci.REVISION,
      subsystemVendorId: 0,
      subsystemId: 0,
      command: 0x0003,
      bar0: 0xfec0_0000,
      interruptLine: 0x0c,
    }),
  );
  const view = new DataView(config.buffer);
  config[AtsConfig.MSI_NEXT] = AtsConfig.EXPRESS;
  view.setUint16(AtsConfig.EXPRESS, EXPRESS_ID, true);
  view.setUint16(AtsConfig.EXPRESS + 2, EXPRESS_CAPABILITIES, true);
  const extended = (at: number, id: number, next: number): void =>
    view.setUint32(at, ((next << 20) | VERSION_1 | id) >>> 0, true);
  extended(AtsConfig.ATS, 0x0f, AtsConfig.PRI);
  extended(AtsConfig.PRI, 0x13, AtsConfig.PASID);
  view.setUint32(AtsConfig.PRI + 8, PRI_CAPACITY, true);
  extended(AtsConfig.PASID, 0x1b, 0);
  view.setUint16(AtsConfig.PASID + 4, PASID_CAPABILITY, true);
  return config;
}

/** Reads the enable bits. */
export function featuresOf(config: Uint8Array): AtsFeatures {
  const view = new DataView(config.buffer, config.byteOffset);
  const isSet = (at: number, bit: number): boolean => (view.getUint16(at, true) & bit) !== 0;
  return {
    ats: isSet(AtsConfig.ATS_CONTROL, ATS_ENABLE),
    pri: isSet(AtsConfig.PRI_CONTROL, ENABLE),
    pasid: isSet(AtsConfig.PASID_CONTROL, ENABLE),
  };
}

/** Writes the enable bits, as the host's kernel does before it hands the device out (pci_enable_ats, pci_enable_pri, pci_enable_pasid). */
export function enableFeatures(config: Uint8Array, { ats, pri, pasid }: Partial<AtsFeatures>): void {
  const view = new DataView(config.buffer, config.byteOffset);
  view.setUint16(AtsConfig.ATS_CONTROL, ats === true ? ATS_ENABLE : 0, true);
  view.setUint16(AtsConfig.PRI_CONTROL, pri === true ? ENABLE : 0, true);
  view.setUint16(AtsConfig.PASID_CONTROL, pasid === true ? ENABLE : 0, true);
}
