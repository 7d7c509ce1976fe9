import { FRAME_BYTES, type FrameBacking, type IoResult, type MmapCall, type PciRegion } from '@ioasis/core';
import { PCI_REGIONS, PciRegionIndex, REGION_SHIFT } from '../abi/constants.js';
import { vfioRefusals } from '../refusals.js';
import type { PciAccess } from './pci-access.js';

const { refuse } = vfioRefusals;

/**
 * Whether a BAR can be mapped: memory of at least a page, or less if no other BAR can share its page (`vfio_pci_probe_mmaps`).
 */
export function mappable(access: PciAccess, bar: number): boolean {
  const region = access.function.bars[bar];
  if (region === undefined || region.kind !== 'memory' || region.bytes === 0) return false;
  const page = access.machine.pages.pageSize;
  return region.bytes >= page || access.barAddress(bar) % BigInt(page) === 0n;
}

/** mmap of a device (`vfio_pci_core_mmap`): the BAR's own frames, so that the mapping can be handed to another device as well. */
export function mapRegion(access: PciAccess, call: MmapCall): IoResult<bigint> {
  const index = Number(call.offset >> REGION_SHIFT);
  const position = call.offset & ((1n << REGION_SHIFT) - 1n);
  if (index >= PCI_REGIONS || index >= PciRegionIndex.ROM || !mappable(access, index))
    return refuse('DEVICE_MMAP_REGION', { index });
  const region = access.function.bars[index] as PciRegion;
  const page = BigInt(access.machine.pages.pageSize);
  const roundUp = (bytes: bigint): bigint => ((bytes + page - 1n) / page) * page;
  const length = roundUp(call.bytes);
  if (position + length > roundUp(BigInt(region.bytes))) {
    return refuse('DEVICE_MMAP_RANGE', { index, position, length, barBytes: region.bytes });
  }
  const firstFrame = Number((access.barAddress(index) + position) / BigInt(FRAME_BYTES));
  exposeFrames(access, region, firstFrame, Number(position), Number(length) / FRAME_BYTES);
  return call.process.addressSpace.mmap(call.addr, length, call.protection, { kind: 'pfn', firstFrame });
}

/** Width of the accesses that a mapping makes, bytes: registers of 4 bytes are what every device has. */
const ACCESS_BYTES = 4;

/** Puts a BAR's registers at their physical address, frame by frame, where they are not yet. */
function exposeFrames(
  access: PciAccess,
  region: PciRegion,
  firstFrame: number,
  position: number,
  frames: number,
): void {
  const { machine, exposedFrames } = access;
  for (let at = 0; at < frames; at++) {
    if (exposedFrames.has(firstFrame + at)) continue;
    exposedFrames.add(firstFrame + at);
    machine.memory.backFrame(firstFrame + at, registersAt(access, region, position + at * FRAME_BYTES));
  }
}

/** One frame of registers. While memory is disabled, and behind the end of a small BAR, it reads as ones and takes no writes. */
function registersAt({ config }: PciAccess, region: PciRegion, start: number): FrameBacking {
  const answers = (at: number, bytes: number): boolean => config.memoryEnabled && at + bytes <= region.bytes;
  return {
    read: (offset, into) => {
      for (let done = 0; done < into.length;) {
        const at = start + offset + done;
        const part = into.subarray(done, done + accessBytes(at, into.length - done));
        if (answers(at, part.length)) region.read(at, part);
        else part.fill(0xff);
        done += part.length;
      }
    },
    write: (offset, from) => {
      for (let done = 0; done < from.length;) {
        const at = start + offset + done;
        const part = from.subarray(done, done + accessBytes(at, from.length - done));
        if (answers(at, part.length)) region.write(at, part);
        done += part.length;
      }
    },
  };
}

/** Bytes of the next access: up to the next multiple of {@link ACCESS_BYTES}. */
const accessBytes = (at: number, left: number): number => Math.min(ACCESS_BYTES - (at % ACCESS_BYTES), left);
