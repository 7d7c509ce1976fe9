import {
  hex,
  iommufdIoctls,
  IOMMUFD_CMD_BASE,
  vfioIoctls,
  type IoctlDefinition,
  type Process,
  type VfioFileKind,
} from '@ioasis/core';

const KINDS: Readonly<Record<string, VfioFileKind>> = { 'vfio-group': 'group', 'vfio-device': 'device' };

/** The ioctl that a number stands for on a file of a kind: numbers of VFIO repeat between kinds. */
export function ioctlOf(kind: string, request: number): IoctlDefinition | undefined {
  if ((request & 0xff) >= IOMMUFD_CMD_BASE) return iommufdIoctls.find((it) => it.request === request);
  const file = KINDS[kind] ?? 'container';
  return vfioIoctls.find((it) => it.file === file && it.request === request);
}

/** Fields of a call's structure as text, those that are zero left out. */
export function ioctlDetail(ioctl: IoctlDefinition | undefined, process: Process, argument: bigint): string {
  if (ioctl === undefined || ioctl.argument.kind !== 'struct') return hex(argument);
  const { layout } = ioctl.argument;
  const values = layout.decode(process.addressSpace.peek(argument, layout.size));
  return Object.entries(values)
    .filter(([name, value]) => name !== 'size' && name !== 'argsz' && value !== 0 && value !== 0n)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? `${value.length} bytes` : hex(BigInt(value))}`)
    .join(' ');
}
