import { isLeft, right } from 'fp-ts/lib/Either.js';
import type { IoResult } from '../errno/index.js';
import { attachDevice, putHwpt } from './attach.js';
import type { BoundDevice } from './bound-device.js';
import { HwPageTable, HwptPaging } from './hwpt.js';
import { allocatePagingHwpt } from './hwpt-paging-alloc.js';
import { Ioas } from './ioas.js';
import { iommufdRefusals } from './refusals.js';
import { replaceDevice } from './replace.js';

const { refuse } = iommufdRefusals;

/** A page table in use, and the one to put afterwards, if any. */
interface Change {
  readonly id: number;
  readonly put: HwPageTable | undefined;
}

/**
 * Attaches a device, or moves an attached one, to a page table or to an IOAS (`iommufd_device_change_pt`).
 * @returns the id of the page table in use
 */
export function changePageTable(device: BoundDevice, id: number, how: 'attach' | 'replace'): IoResult<number> {
  const target = device.state.objects.any(id);
  if (target === undefined) return refuse('ATTACH_TARGET_NOT_FOUND', { ptId: id });
  target.enter();
  const changed = change(device, target, how);
  target.leave();
  if (isLeft(changed)) return changed;
  if (changed.right.put !== undefined) putHwpt(device, changed.right.put);
  return right(changed.right.id);
}

function change(device: BoundDevice, target: object, how: 'attach' | 'replace'): IoResult<Change> {
  if (target instanceof HwPageTable) return move(device, target, how);
  if (target instanceof Ioas) return moveToIoas(device, target, how);
  const { id, kind } = target as BoundDevice;
  return refuse('ATTACH_TARGET_KIND', { ptId: id, kind });
}

function move(device: BoundDevice, hwpt: HwPageTable, how: 'attach' | 'replace'): IoResult<Change> {
  const moved = how === 'attach' ? attachDevice(device, hwpt) : replaceDevice(device, hwpt);
  if (isLeft(moved)) return moved;
  return right({ id: hwpt.id, put: moved.right === 0 ? undefined : moved.right });
}

/**
 * Takes the first automatic page table of the IOAS that fits the device, or makes one (`iommufd_device_auto_get_domain`). EINVAL means
 * "does not fit, try the next"; any other errno ends the search. Tables made by hand are never taken.
 */
function moveToIoas(device: BoundDevice, ioas: Ioas, how: 'attach' | 'replace'): IoResult<Change> {
  for (const hwpt of ioas.hwpts) {
    if (!hwpt.automatic || !(hwpt instanceof HwptPaging)) continue;
    hwpt.enter();
    const moved = move(device, hwpt, how);
    hwpt.leave();
    if (!isLeft(moved) || moved.left.errno !== 'EINVAL') return moved;
  }
  const made = allocatePagingHwpt(device, ioas, 0, how === 'attach', undefined);
  if (isLeft(made)) return made;
  const hwpt = made.right;
  let put: HwPageTable | undefined;
  if (how === 'replace') {
    const moved = replaceDevice(device, hwpt);
    if (isLeft(moved)) {
      device.state.objects.abortAndDestroy(hwpt);
      return moved;
    }
    put = moved.right;
  }
  hwpt.automatic = true;
  device.state.objects.publish(hwpt);
  return right({ id: hwpt.id, put });
}
