import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuDestroy, IommuIoasAlloc } from '../abi/index.js';
import { done } from '../errno/index.js';
import type { IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const alloc = IommuIoasAlloc.offsets;

/** IOMMU_DESTROY. */
export const destroyObject: IoctlHandler = (frame) =>
  frame.state.destroy(frame.view.getUint32(IommuDestroy.offsets.id, true));

/** IOMMU_IOAS_ALLOC: a fresh IOAS has alignment 1 and may use every IOVA. */
export const allocateIoas: IoctlHandler = (frame) => {
  const { state, view } = frame;
  const flags = view.getUint32(alloc.flags, true);
  if (flags !== 0) return refuse('IOAS_ALLOC_FLAGS', { flags });
  const made = state.reserveIoas();
  if (isLeft(made)) return made;
  view.setUint32(alloc.out_ioas_id, made.right.id, true);
  const responded = frame.respond();
  if (isLeft(responded)) {
    state.objects.abortAndDestroy(made.right);
    return responded;
  }
  state.objects.publish(made.right);
  return done;
};
