import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuVfioIoas, VfioIoasOp } from '../abi/index.js';
import { done } from '../errno/index.js';
import type { IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const { ioas_id, op, __reserved } = IommuVfioIoas.offsets;

/** IOMMU_VFIO_IOAS: which IOAS the VFIO container calls of this file work on. */
export const vfioIoas: IoctlHandler = (frame) => {
  const { view, state } = frame;
  if (view.getUint16(__reserved, true) !== 0) return refuse('VFIO_IOAS_RESERVED_FIELD');
  const operation = view.getUint16(op, true);
  switch (operation) {
    case VfioIoasOp.GET: {
      const ioas = state.compat.require();
      if (isLeft(ioas)) return ioas;
      view.setUint32(ioas_id, ioas.right.id, true);
      return frame.respond();
    }
    case VfioIoasOp.SET: {
      const id = view.getUint32(ioas_id, true);
      const ioas = state.ioas(id);
      if (ioas === undefined) return state.refuseId('IOAS_NOT_FOUND', id);
      state.compat.set(ioas);
      return done;
    }
    case VfioIoasOp.CLEAR:
      state.compat.clear();
      return done;
    default:
      return refuse('VFIO_IOAS_OP', { op: operation });
  }
};
