import { type DeviceTlbRange, NO_PASID } from '@ioasis/core';
import { DescriptorType } from '../layouts/descriptors.js';
import type { Descriptor } from './descriptor.js';

/**
 * The bytes that a device-TLB descriptor names (PCIe ATS 10.3.1): without S one page; with S the lowest zero bit of the address, from
 * bit 12 upwards, stands for half of the size; all ones up to bit 62 is everything.
 */
export function invalidatedRange(descriptor: Descriptor): DeviceTlbRange {
  const { addressHi, addressLo, sizeInAddress } = descriptor;
  const pasid = pasidOf(descriptor);
  if (!sizeInAddress) {
    return { pasid, startHi: addressHi, startLo: addressLo, lastHi: addressHi, lastLo: addressLo | 0xfff };
  }
  const ones = addressLo | 0xfff;
  // Trailing ones and the zero above them: x ^ (x + 1).
  const spanLo = ones ^ (ones + 1);
  const spanHi = ones === -1 ? addressHi ^ (addressHi + 1) : 0;
  const isWhole = ones === -1 && (addressHi & 0x7fff_ffff) === 0x7fff_ffff;
  if (isWhole) return { pasid, startHi: 0, startLo: 0, lastHi: -1, lastLo: -1 };
  return {
    pasid,
    startHi: addressHi & ~spanHi,
    startLo: addressLo & ~spanLo,
    lastHi: addressHi | spanHi,
    lastLo: addressLo | spanLo,
  };
}

/** The plain type names addresses of requests without PASID. */
function pasidOf(descriptor: Descriptor): number | undefined {
  if (descriptor.type === DescriptorType.DEVICE_TLB) return NO_PASID;
  return descriptor.anyPasid ? undefined : descriptor.pasid;
}
