import { structLayout, u16, u32, u8, type StructLayout, type U16, type U32, type U8 } from '@ioasis/core';

/*
 * Structures of vfio-pci that only the device files use, with the names of include/uapi/linux/vfio.h; the others are in core, where the
 * replayer finds them.
 */

/** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO; `count` elements of {@link VfioPciDependentDevice} follow. */
export const VfioPciHotResetInfo: StructLayout<U32<'argsz' | 'flags' | 'count'>> = structLayout({
  name: 'vfio_pci_hot_reset_info',
  size: 12,
  fields: { argsz: u32(0), flags: u32(4, 'out'), count: u32(8, 'out') },
});

/** One function that a hot reset touches; `group_id` holds the iommufd device id when the flag DEV_ID is set. */
export const VfioPciDependentDevice: StructLayout<U32<'group_id'> & U16<'segment'> & U8<'bus' | 'devfn'>> =
  structLayout({
    name: 'vfio_pci_dependent_device',
    size: 8,
    fields: { group_id: u32(0, 'out'), segment: u16(4, 'out'), bus: u8(6, 'out'), devfn: u8(7, 'out') },
  });

/** VFIO_DEVICE_PCI_HOT_RESET; `count` group descriptors follow. */
export const VfioPciHotReset: StructLayout<U32<'argsz' | 'flags' | 'count'>> = structLayout({
  name: 'vfio_pci_hot_reset',
  size: 12,
  fields: { argsz: u32(0), flags: u32(4), count: u32(8) },
});

/** VFIO_DEVICE_FEATURE; the data of the feature follows. */
export const VfioDeviceFeature: StructLayout<U32<'argsz' | 'flags'>> = structLayout({
  name: 'vfio_device_feature',
  size: 8,
  fields: { argsz: u32(0), flags: u32(4) },
});
