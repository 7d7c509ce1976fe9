import { isLeft } from 'fp-ts/lib/Either.js';
import { IommuOption, IommuOptionId, IommuOptionOp } from '../abi/index.js';
import { done, type IoResult } from '../errno/index.js';
import type { Ioas } from './ioas.js';
import type { IoctlFrame, IoctlHandler } from './ioctl-frame.js';
import { iommufdRefusals } from './refusals.js';

const { refuse } = iommufdRefusals;
const { option_id, op, __reserved, object_id, val64 } = IommuOption.offsets;
const VALUE_BYTES = 8;

/** IOMMU_OPTION: reads or sets one option; only val64 is written back. */
export const option: IoctlHandler = (frame) => {
  const { view, state } = frame;
  if (view.getUint16(__reserved, true) !== 0) return refuse('OPTION_RESERVED_FIELD');
  const id = view.getUint32(option_id, true);
  let outcome: IoResult<0>;
  if (id === IommuOptionId.RLIMIT_MODE) {
    outcome = rlimitMode(frame);
  } else if (id === IommuOptionId.HUGE_PAGES) {
    const objectId = view.getUint32(object_id, true);
    const ioas = state.ioas(objectId);
    outcome = ioas === undefined ? state.refuseId('IOAS_NOT_FOUND', objectId) : hugePages(frame, ioas);
  } else {
    return refuse('OPTION_UNKNOWN', { optionId: id });
  }
  return isLeft(outcome) ? outcome : frame.respondPart(val64, VALUE_BYTES);
};

function rlimitMode({ view, state, process }: IoctlFrame): IoResult<0> {
  const objectId = view.getUint32(object_id, true);
  if (objectId !== 0) return refuse('OPTION_RLIMIT_OBJECT', { objectId });
  const operation = view.getUint16(op, true);
  if (operation === IommuOptionOp.GET) {
    view.setBigUint64(val64, state.accountMode === 'mm' ? 1n : 0n, true);
    return done;
  }
  if (operation !== IommuOptionOp.SET) return refuse('OPTION_OP', { op: operation });
  if (!process.capable('sys_resource')) return refuse('OPTION_RLIMIT_PERMISSION');
  if (!state.objects.empty) return refuse('OPTION_RLIMIT_BUSY');
  const value = view.getBigUint64(val64, true);
  if (value > 1n) return refuse('OPTION_RLIMIT_VALUE', { value });
  state.accountMode = value === 1n ? 'mm' : 'user';
  return done;
}

function hugePages({ view }: IoctlFrame, { table }: Ioas): IoResult<0> {
  const operation = view.getUint16(op, true);
  if (operation === IommuOptionOp.GET) {
    view.setBigUint64(val64, table.largePages ? 1n : 0n, true);
    return done;
  }
  if (operation !== IommuOptionOp.SET) return refuse('OPTION_OP', { op: operation });
  const value = view.getBigUint64(val64, true);
  if (value === 0n) return table.disableLargePages();
  if (value === 1n) return table.enableLargePages();
  return refuse('OPTION_HUGE_PAGES_VALUE', { value });
}
