/** Major and minor number of a device file. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** Drivers of single files share a major number (linux/major.h); the container's minor is fixed (linux/miscdevice.h). */
const MISC_MAJOR = 10;
const VFIO_MINOR = 196;
/** Numbers that Linux hands out as they come; these are common ones. */
const IOMMU_MINOR = 126;
const GROUP_MAJOR = 242;
const DEVICE_MAJOR = 511;
const MINOR_BITS = 20;

/** Numbers of a machine's device files by path. Minors of groups and devices are counted in order of the paths. */
export function deviceNumbers(paths: readonly string[]): ReadonlyMap<string, DeviceNumber> {
  const numbers = new Map<string, DeviceNumber>();
  let groups = 0;
  let devices = 0;
  for (const path of paths) {
    if (path === '/dev/iommu') numbers.set(path, { major: MISC_MAJOR, minor: IOMMU_MINOR });
    else if (path === '/dev/vfio/vfio') numbers.set(path, { major: MISC_MAJOR, minor: VFIO_MINOR });
    else if (path.startsWith('/dev/vfio/devices/')) numbers.set(path, { major: DEVICE_MAJOR, minor: devices++ });
    else numbers.set(path, { major: GROUP_MAJOR, minor: groups++ });
  }
  return numbers;
}

/** As entries of /sys have it. */
export const deviceText = ({ major, minor }: DeviceNumber): string => `${major}:${minor}\n`;

/** As the preload library gets it: major << 20 | minor. */
export const deviceWord = ({ major, minor }: DeviceNumber): number => major * 2 ** MINOR_BITS + minor;
