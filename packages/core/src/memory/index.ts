export {
  FRAME_BYTES,
  FRAME_SHIFT,
  frameAddress,
  frameHi,
  frameLo,
  frameOf,
  WORDS_PER_FRAME,
  type FrameBacking,
  type LineCache,
  type MemoryObserver,
} from './frame.js';
export { PhysicalMemory, type MemoryLayout } from './physical-memory.js';
export { CacheLines } from './cache-lines.js';
export { MemoryBudget } from './memory-budget.js';
export { type FailureKind, type FailureSource } from './failure-source.js';
export { FrameAllocator, MAX_ORDER, type FrameRange } from './frame-allocator.js';
export { PageFrames, type PageSize } from './page-frames.js';
export { MemoryFile } from './memory-file.js';
export { type Protection } from './mapping.js';
export { AddressSpace, type AddressSpaceOptions, type MappingBacking } from './address-space.js';
export { UserAccount } from './user-account.js';
export { memoryRefusals, type MemoryCode } from './refusals.js';
