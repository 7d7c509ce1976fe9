import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuFaultAlloc } from '../abi/index.js';
import { done } from '../errno/index.js';
import { FaultFile } from './fault-file.js';
import { FaultQueue } from './fault-queue.js';
import type { IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const at = IommuFaultAlloc.offsets;

/** IOMMU_FAULT_QUEUE_ALLOC: a queue by id, and its descriptor. */
export const allocateFaultQueue: IoctlHandler = (frame) => {
  const { view, state, process } = frame;
  const flags = view.getUint32(at.flags, true);
  if (flags !== 0) return refuse('FAULT_ALLOC_FLAGS', { flags });
  const reserved = state.reserve(new FaultQueue());
  if (isLeft(reserved)) return reserved;
  const fault = reserved.right;
  const file = new FaultFile(state, fault);
  const installed = process.install(file);
  if (isLeft(installed)) {
    file.release();
    state.objects.abortAndDestroy(fault);
    return installed;
  }
  view.setUint32(at.out_fault_id, fault.id, true);
  view.setUint32(at.out_fault_fd, installed.right, true);
  const responded = frame.respond();
  if (isLeft(responded)) {
    process.close(installed.right);
    state.objects.abortAndDestroy(fault);
    return responded;
  }
  state.objects.publish(fault);
  return done;
};
