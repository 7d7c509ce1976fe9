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

/** Puts a BAR's registers at their physical address, frame by frame, where they are not yet. */
function exposeFrames(
  { machine, config, exposedFrames }: PciAccess,
  region: PciRegion,
  firstFrame: number,
  position: number,
  frames: number,
): void {
  for (let at = 0; at < frames; at++) {
    if (exposedFrames.has(firstFrame + at)) continue;
    exposedFrames.add(firstFrame + at);
    const start = position + at * FRAME_BYTES;
    const backing: FrameBacking = {
      read: (offset, into) => {
        if (config.memoryEnabled && start + offset + into.length <= region.bytes) region.read(start + offset, into);
        else into.fill(0xff);
      },
      write: (offset, from) => {
        if (config.memoryEnabled && start + offset + from.length <= region.bytes) region.write(start + offset, from);
      },
    };
    machine.memory.backFrame(firstFrame + at, backing);
  }
}
