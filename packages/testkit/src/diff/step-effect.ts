import type { DifferenceEffect } from '@ioasis/compat-vfio';
import { IommufdRequest, VfioRequest } from '@ioasis/core';
import type { TraceStep } from '../trace/format.js';
import type { StepOutcome } from '../trace/outcome.js';
import type { DmaVerdict } from './dma-verdict.js';

/** What a side made of a step. */
export interface DiffOutcome extends StepOutcome {
  /** Of `dma`, which has no result of its own. */
  readonly dma?: DmaVerdict | undefined;
}

/** A step and what two sides made of it. */
export interface AnsweredTwice {
  readonly step: TraceStep;
  readonly left: DiffOutcome;
  readonly right: DiffOutcome;
}

/** How the two answers differ. */
export function effectOf({ left, right }: AnsweredTwice): DifferenceEffect {
  if (left.refusal !== undefined || right.refusal !== undefined) return 'refusal';
  return left.ret === right.ret ? 'answer' : 'value';
}

/** Requests that only tell something. */
const ASKING: readonly number[] = [
  VfioRequest.GET_API_VERSION,
  VfioRequest.CHECK_EXTENSION,
  VfioRequest.GROUP_GET_STATUS,
  VfioRequest.IOMMU_GET_INFO,
  VfioRequest.DEVICE_GET_INFO,
  VfioRequest.DEVICE_GET_REGION_INFO,
  VfioRequest.DEVICE_GET_IRQ_INFO,
  IommufdRequest.IOAS_IOVA_RANGES,
  IommufdRequest.GET_HW_INFO,
];

/** Whether the two sides are in different states after answers that differ. */
export function changesState({ step }: AnsweredTwice): boolean {
  switch (step.op) {
    case 'ioctl':
      return !ASKING.includes(Number(step.nr));
    // Memory is not what it is on the other side.
    case 'dma':
    case 'open':
    case 'close':
    case 'write':
    case 'mmap':
    case 'munmap':
    case 'mprotect':
      return true;
    default:
      return false;
  }
}
