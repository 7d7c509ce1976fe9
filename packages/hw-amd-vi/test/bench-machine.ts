import { DmaEngine, FrameAllocator, linux612, ManualClock, PhysicalMemory, type IommuDevice } from '@ioasis/core';
import { AmdViBackend, type AmdViOptions } from '../src/index.js';

const ARENA = { start: 0n, last: 0x3ff_ffffn };

/** RAM, frames for tables in its first 64 MiB, and one IOMMU with its driver: no processes, no ioctls. */
export function bareBackend(options: AmdViOptions = {}) {
  const windows = [
    { start: 0n, last: 0x7fff_ffffn },
    { start: 0x1_0000_0000n, last: 0x2_7fff_ffffn },
  ];
  const memory = new PhysicalMemory({ windows, arena: ARENA });
  const tableFrames = new FrameAllocator(memory, { firstFrame: 16, frames: 0x3ff0 });
  const backend = new AmdViBackend(
    { memory, tableFrames, clock: new ManualClock(), pageSize: 4096, kernel: linux612, failure: null },
    options,
  );
  return { memory, tableFrames, backend };
}

export function device(requesterId: number, group = 1): IommuDevice {
  return { name: `dev${requesterId}`, segment: 0, requesterId, group: { id: group } };
}

export const portOf = (at: ReturnType<typeof bareBackend>, of: IommuDevice): DmaEngine =>
  new DmaEngine(at.backend.unit, at.memory, of.requesterId);
