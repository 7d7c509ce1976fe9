import { right } from 'fp-ts/lib/Either.js';
import { VfioDeviceInfo, VfioIrqInfo, VfioRegionInfo, VfioRequest, type IoctlCall, type IoResult } from '@ioasis/core';
import {
  DeviceFlag,
  IrqFlag,
  PCI_IRQS,
  PCI_REGIONS,
  PciIrqIndex,
  PciRegionIndex,
  REGION_CAP_MSIX_MAPPABLE,
  REGION_SHIFT,
  RegionFlag,
} from '../abi/constants.js';
import { answer, copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';
import { deviceFeature } from './device-feature.js';
import { hotReset, hotResetInfo } from './hot-reset.js';
import { irqCount } from './irq-count.js';
import type { PciAccess } from './pci-access.js';
import { mappable } from './region-mmap.js';
import { setIrqs } from './set-irqs.js';
import type { VfioDevice } from './vfio-device.js';

const { refuse } = vfioRefusals;
const CAP_HEADER_BYTES = 8;

/** Ioctls of a device that its program has access to (`vfio_pci_core_ioctl`). */
export function deviceIoctl(device: VfioDevice, access: PciAccess, call: IoctlCall): IoResult<number> {
  switch (call.request) {
    case VfioRequest.DEVICE_GET_INFO:
      return getInfo(access, call);
    case VfioRequest.DEVICE_GET_REGION_INFO:
      return getRegionInfo(access, call);
    case VfioRequest.DEVICE_GET_IRQ_INFO:
      return getIrqInfo(access, call);
    case VfioRequest.DEVICE_SET_IRQS:
      return setIrqs(access, call);
    case VfioRequest.DEVICE_RESET:
      return reset(access);
    case VfioRequest.DEVICE_GET_PCI_HOT_RESET_INFO:
      return hotResetInfo(device, access, call);
    case VfioRequest.DEVICE_PCI_HOT_RESET:
      return hotReset(device, access, call);
    case VfioRequest.DEVICE_FEATURE:
      return deviceFeature(access, call);
    default:
      return refuse('VFIO_UNKNOWN_IOCTL', { file: 'vfio-device', request: call.request });
  }
}

function getInfo(access: PciAccess, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioDeviceInfo);
  if (argument._tag === 'Left') return argument;
  const { argsz } = argument.right.values;
  const info = VfioDeviceInfo.encode({
    argsz,
    flags: DeviceFlag.PCI | (access.function.resettable ? DeviceFlag.RESET : 0),
    num_regions: PCI_REGIONS,
    num_irqs: PCI_IRQS,
  });
  return answer(call, info.subarray(0, Math.min(argsz, info.length)));
}

function getRegionInfo(access: PciAccess, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioRegionInfo);
  if (argument._tag === 'Left') return argument;
  const { values } = argument.right;
  const { index, argsz } = values;
  // No function of this contract is a VGA device, and vfio-pci adds no regions of its own.
  if (index >= PciRegionIndex.VGA) return refuse('DEVICE_REGION_INDEX', { index });
  const { size, flags } = regionOf(access, index);
  const answered = { ...values, size, flags, offset: BigInt(index) << REGION_SHIFT };
  if (access.msixTable?.bar !== index || (flags & RegionFlag.MMAP) === 0)
    return answer(call, VfioRegionInfo.encode(answered));
  const fits = argsz >= VfioRegionInfo.size + CAP_HEADER_BYTES;
  if (fits) {
    const written = answer(call, Uint8Array.of(REGION_CAP_MSIX_MAPPABLE, 0, 1, 0, 0, 0, 0, 0), VfioRegionInfo.size);
    if (written._tag === 'Left') return written;
  }
  const capability = {
    flags: flags | RegionFlag.CAPS,
    argsz: fits ? argsz : VfioRegionInfo.size + CAP_HEADER_BYTES,
    cap_offset: fits ? VfioRegionInfo.size : 0,
  };
  return answer(call, VfioRegionInfo.encode({ ...answered, ...capability }));
}

function regionOf(access: PciAccess, index: number): { readonly size: bigint; readonly flags: number } {
  const readWrite = RegionFlag.READ | RegionFlag.WRITE;
  if (index === PciRegionIndex.CONFIG) return { size: BigInt(access.config.bytes), flags: readWrite };
  const bytes = access.function.bars[index]?.bytes ?? 0;
  if (bytes === 0) return { size: 0n, flags: 0 };
  return { size: BigInt(bytes), flags: readWrite | (mappable(access, index) ? RegionFlag.MMAP : 0) };
}

function getIrqInfo(access: PciAccess, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioIrqInfo);
  if (argument._tag === 'Left') return argument;
  const { values } = argument.right;
  const { index } = values;
  const absent = index >= PCI_IRQS || (index === PciIrqIndex.ERR && !access.express);
  if (absent) return refuse('DEVICE_IRQ_INDEX', { index, express: access.express });
  return answer(
    call,
    VfioIrqInfo.encode({ ...values, flags: irqFlags(access, index), count: irqCount(access, index) }),
  );
}

function irqFlags(access: PciAccess, index: number): number {
  if (index === PciIrqIndex.INTX) return IrqFlag.EVENTFD | IrqFlag.MASKABLE | IrqFlag.AUTOMASKED;
  // Single MSI-X vectors can be added while others are enabled.
  const growing = index === PciIrqIndex.MSIX && access.vectorsOf('msix') > 0;
  return growing ? IrqFlag.EVENTFD : IrqFlag.EVENTFD | IrqFlag.NORESIZE;
}

function reset(access: PciAccess): IoResult<0> {
  if (!access.function.resettable) return refuse('DEVICE_NO_RESET', { device: access.device.iommu.name });
  access.reset();
  return right(0);
}
