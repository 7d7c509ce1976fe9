import { right } from 'fp-ts/lib/Either.js';
import type { AddressSpace, IoResult, PciRegion } from '@ioasis/core';
import { PCI_REGIONS, PciRegionIndex, REGION_SHIFT } from '../abi/constants.js';
import { vfioRefusals } from '../refusals.js';
import type { PciAccess } from './pci-access.js';

const { refuse } = vfioRefusals;

/** A transfer between a program's memory and one region. */
interface Transfer {
  readonly space: AddressSpace;
  readonly addr: bigint;
  readonly write: boolean;
}

/** pread on a device: the region's index in the upper bits of the offset, the position in it below. @returns bytes read */
export const readRegion = (
  access: PciAccess,
  space: AddressSpace,
  addr: bigint,
  bytes: number,
  offset: bigint,
): IoResult<number> => transfer(access, { space, addr, write: false }, bytes, offset);

/** pwrite on a device. @returns bytes written */
export const writeRegion = (
  access: PciAccess,
  space: AddressSpace,
  addr: bigint,
  bytes: number,
  offset: bigint,
): IoResult<number> => transfer(access, { space, addr, write: true }, bytes, offset);

/** `vfio_pci_rw`. */
function transfer(access: PciAccess, to: Transfer, bytes: number, offset: bigint): IoResult<number> {
  if (bytes === 0) return right(0);
  const index = Number(offset >> REGION_SHIFT);
  const position = Number(offset & ((1n << REGION_SHIFT) - 1n));
  if (index >= PCI_REGIONS) return refuse('DEVICE_REGION_OFFSET', { index, offset });
  if (index === PciRegionIndex.CONFIG) return configTransfer(access, to, bytes, position);
  if (index === PciRegionIndex.ROM && to.write) return refuse('DEVICE_REGION_READ_ONLY', { index });
  const region = access.function.bars[index];
  if (region === undefined || position >= region.bytes) return refuse('DEVICE_REGION_OFFSET', { index, position });
  return barTransfer(access, to, { index, region, position, bytes: Math.min(bytes, region.bytes - position) });
}

/** `vfio_pci_config_rw`: chunk by chunk; what was done before a failing chunk stays done. */
function configTransfer({ config }: PciAccess, to: Transfer, bytes: number, position: number): IoResult<number> {
  if (position + bytes > config.bytes)
    return refuse('DEVICE_CONFIG_RANGE', { position, bytes, configBytes: config.bytes });
  for (let done = 0; done < bytes;) {
    const chunk = new Uint8Array(config.chunk(position + done, bytes - done));
    const moved = move(to, done, chunk, {
      read: (into) => config.read(position + done, into),
      write: (from) => config.write(position + done, from),
    });
    if (moved._tag === 'Left') return moved;
    done += chunk.length;
  }
  return right(bytes);
}

interface BarRange {
  readonly index: number;
  readonly region: PciRegion;
  readonly position: number;
  readonly bytes: number;
}

/** `vfio_pci_bar_rw`: the widest aligned accesses that fit; the MSI-X table reads as ones and cannot be written. */
function barTransfer(access: PciAccess, to: Transfer, { index, region, position, bytes }: BarRange): IoResult<number> {
  const table = access.msixTable?.bar === index ? access.msixTable : undefined;
  for (let done = 0; done < bytes;) {
    const at = position + done;
    const excluded = table !== undefined && at >= table.start && at < table.end;
    const limit = excluded ? table.end : at < (table?.start ?? 0) ? (table?.start ?? 0) : Infinity;
    const width = excluded ? Math.min(bytes - done, limit - at) : accessWidth(at, Math.min(bytes - done, limit - at));
    if (!excluded && region.kind === 'memory' && !access.config.memoryEnabled)
      return refuse('DEVICE_MEMORY_DISABLED', { index });
    const moved = move(to, done, new Uint8Array(width), {
      read: (into) => (excluded ? into.fill(0xff) : region.read(at, into)),
      write: (from) => (excluded ? undefined : region.write(at, from)),
    });
    if (moved._tag === 'Left') return moved;
    done += width;
  }
  return right(bytes);
}

function accessWidth(at: number, bytes: number): number {
  for (const width of [8, 4, 2]) if (bytes >= width && at % width === 0) return width;
  return 1;
}

/** The two directions of one access. */
interface Access {
  read(into: Uint8Array): void;
  write(from: Uint8Array): void;
}

/** Moves one access between the program's memory, `done` bytes into the transfer, and the region. */
function move({ space, addr, write }: Transfer, done: number, bytes: Uint8Array, access: Access): IoResult<0> {
  const address = addr + BigInt(done);
  if (write) {
    if (space.copyIn(address, bytes) < bytes.length) return refuse('VFIO_ARGUMENT_UNREADABLE', { address });
    access.write(bytes);
    return right(0);
  }
  access.read(bytes);
  return space.copyOut(address, bytes) < bytes.length ? refuse('VFIO_ANSWER_UNWRITABLE', { address }) : right(0);
}
