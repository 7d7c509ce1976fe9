import { right } from 'fp-ts/lib/Either.js';
import type { IoctlCall, IoResult, MachineDevice } from '@ioasis/core';
import { DEVID_NOT_OWNED, DEVID_OWNED, HotResetFlag } from '../abi/constants.js';
import { VfioPciDependentDevice, VfioPciHotReset, VfioPciHotResetInfo } from '../abi/structs.js';
import { answer, copyArgument } from '../argument.js';
import { vfioRefusals } from '../refusals.js';
import type { PciAccess } from './pci-access.js';
import type { VfioDevice } from './vfio-device.js';

const { refuse } = vfioRefusals;

/** Functions on the same bus, which a bus reset touches all; undefined on a root bus, which cannot be reset. */
function affected({ machine, device }: PciAccess): readonly MachineDevice[] | undefined {
  const bus = device.iommu.requesterId >> 8;
  if (bus === 0) return undefined;
  return machine.bus.devices.filter(
    ({ iommu }) => iommu.segment === device.iommu.segment && iommu.requesterId >> 8 === bus,
  );
}

/** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: who else is reset together with the device. */
export function hotResetInfo(device: VfioDevice, access: PciAccess, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioPciHotResetInfo);
  if (argument._tag === 'Left') return argument;
  const { argsz } = argument.right.values;
  const functions = affected(access);
  if (functions === undefined) return refuse('DEVICE_NO_BUS_RESET', { device: device.name });
  const count = functions.length;
  const needed = VfioPciHotResetInfo.size + count * VfioPciDependentDevice.size;
  if (argsz < needed) {
    const written = answer(call, VfioPciHotResetInfo.encode({ argsz, count }));
    return written._tag === 'Left' ? written : refuse('DEVICE_HOT_RESET_SPACE', { argsz, needed, count });
  }
  const ids = functions.map((it) => (device.openedAsDevice ? deviceIdOf(device, it) : it.iommu.group.id));
  const entries = new Uint8Array(count * VfioPciDependentDevice.size);
  for (const [at, { iommu }] of functions.entries()) {
    const entry = {
      group_id: ids[at] ?? 0,
      segment: iommu.segment,
      bus: iommu.requesterId >> 8,
      devfn: iommu.requesterId & 0xff,
    };
    entries.set(VfioPciDependentDevice.encode(entry), at * VfioPciDependentDevice.size);
  }
  const written = answer(call, entries, VfioPciHotResetInfo.size);
  if (written._tag === 'Left') return written;
  const owned = ids.includes(DEVID_NOT_OWNED) ? 0 : HotResetFlag.DEV_ID_OWNED;
  const flags = device.openedAsDevice ? HotResetFlag.DEV_ID | owned : 0;
  return answer(call, VfioPciHotResetInfo.encode({ argsz, flags, count }));
}

/** The id of a function on the iommufd of `device`, or what stands for none. */
function deviceIdOf(device: VfioDevice, other: MachineDevice): number {
  if (other === device.machine) return device.bound?.id ?? DEVID_NOT_OWNED;
  return other.iommu.group === device.machine.iommu.group ? DEVID_OWNED : DEVID_NOT_OWNED;
}

/** VFIO_DEVICE_PCI_HOT_RESET: resets the bus when the caller holds every group on it. */
export function hotReset(device: VfioDevice, access: PciAccess, call: IoctlCall): IoResult<0> {
  const argument = copyArgument(call, VfioPciHotReset);
  if (argument._tag === 'Left') return argument;
  const { flags, count } = argument.right.values;
  if (flags !== 0 || count > 0 === device.openedAsDevice) return refuse('DEVICE_HOT_RESET_ARGUMENT', { flags, count });
  const functions = affected(access);
  if (functions === undefined) return refuse('DEVICE_NO_BUS_RESET', { device: device.name });
  if (count > functions.length) return refuse('DEVICE_HOT_RESET_COUNT', { count, functions: functions.length });
  const held = device.openedAsDevice ? new Set([device.machine.iommu.group]) : heldGroups(call, count);
  if ('_tag' in held) return held;
  const foreign = functions.find(({ iommu }) => ![...held].some((group) => group.id === iommu.group.id));
  if (foreign !== undefined) return refuse('DEVICE_HOT_RESET_NOT_OWNED', { device: foreign.iommu.name });
  for (const it of functions) {
    const before = it.function.config.slice();
    it.function.reset();
    it.function.config.set(before);
  }
  return right(0);
}

function heldGroups(call: IoctlCall, count: number): IoResult<never> | Set<{ readonly id: number }> {
  const bytes = new Uint8Array(4 * count);
  const address = call.argument + BigInt(VfioPciHotReset.size);
  if (call.process.addressSpace.copyIn(address, bytes) < bytes.length)
    return refuse('VFIO_ARGUMENT_UNREADABLE', { address });
  const view = new DataView(bytes.buffer);
  const groups = new Set<{ readonly id: number }>();
  for (let at = 0; at < count; at++) {
    const fd = view.getInt32(4 * at, true);
    const file = call.process.fileOf(fd);
    if (file === undefined) return refuse('DEVICE_HOT_RESET_BADF', { fd });
    if (!isGroupFile(file)) return refuse('DEVICE_HOT_RESET_KIND', { fd, kind: file.kind });
    groups.add(file.group.iommu);
  }
  return groups;
}

const isGroupFile = (file: object): file is { readonly group: { readonly iommu: { readonly id: number } } } =>
  (file as { readonly kind?: string }).kind === 'vfio-group';
