export {
  FRAME_BYTES,
  FRAME_SHIFT,
  frameHi,
  frameLo,
  frameOf,
  WORDS_PER_FRAME,
  type FrameBacking,
  type MemoryObserver,
} from './frame.js';
export { PhysicalMemory, type MemoryLayout } from './physical-memory.js';
export { MemoryBudget } from './memory-budget.js';
export { type FailureKind, type FailureSource } from './failure-source.js';
export { FrameAllocator, MAX_ORDER, type FrameRange } from './frame-allocator.js';
