import { IommufdRequest, VfioExtension, VfioRequest, type KernelProfile } from '@ioasis/core';
import type { DiffReason } from './diff-reason.js';
import type { AnsweredTwice } from './step-effect.js';

/** A property of kernel profiles as a reason for different answers. */
interface KernelRow {
  readonly property: keyof KernelProfile;
  readonly topic: string;
  /** Whether the property shows in this step. */
  readonly shows: (found: AnsweredTwice) => boolean;
}

const requestOf = ({ step }: AnsweredTwice): number => (step.op === 'ioctl' ? Number(step.nr) : -1);
const onRequest =
  (request: number) =>
  (found: AnsweredTwice): boolean =>
    requestOf(found) === request;
const refusedWith = ({ left, right }: AnsweredTwice, code: string): boolean =>
  left.refusal?.code === code || right.refusal?.code === code;

const TYPE1_EXTENSIONS: readonly number[] = [VfioExtension.TYPE1, VfioExtension.TYPE1V2, VfioExtension.UNMAP_ALL];

const rows: readonly KernelRow[] = [
  {
    property: 'nesting',
    topic: 'HWPT_ALLOC with flags, driver data and a page table as parent',
    shows: onRequest(IommufdRequest.HWPT_ALLOC),
  },
  {
    property: 'hwCapabilities',
    topic: 'GET_HW_INFO tells capabilities',
    shows: onRequest(IommufdRequest.GET_HW_INFO),
  },
  {
    property: 'invalidateEntryLimit',
    topic: 'most entries of one HWPT_INVALIDATE',
    shows: onRequest(IommufdRequest.HWPT_INVALIDATE),
  },
  {
    property: 'refusesEmptyDirtyBitmap',
    topic: 'a dirty bitmap of length 0 is refused',
    shows: onRequest(IommufdRequest.HWPT_GET_DIRTY_BITMAP),
  },
  {
    property: 'emptyCompatUnmap',
    topic: 'VFIO_IOMMU_UNMAP_DMA through iommufd when nothing is mapped',
    shows: (found) => refusedWith(found, 'COMPAT_UNMAP_EMPTY'),
  },
  {
    property: 'noIommuHidesType1',
    topic: 'CHECK_EXTENSION hides the type1 types while a group without IOMMU is served',
    shows: ({ step }) =>
      step.op === 'ioctl' &&
      'argval' in step &&
      Number(step.nr) === VfioRequest.CHECK_EXTENSION &&
      TYPE1_EXTENSIONS.includes(Number(step.argval)),
  },
  {
    property: 'deviceFiles',
    topic: 'VFIO devices have files of their own',
    shows: ({ step }) => step.op === 'open' && step.path.startsWith('/dev/vfio/devices/'),
  },
];

const sizeOf = ({ ioctls }: KernelProfile, request: number): string => {
  const size = ioctls.get(request);
  return size === undefined ? 'does not know it' : `knows ${size} bytes of it`;
};

/** Why two kernels answer a step differently. */
export function explainKernelDifference(
  left: KernelProfile,
  right: KernelProfile,
  found: AnsweredTwice,
): readonly DiffReason[] {
  const request = requestOf(found);
  const known: DiffReason[] =
    left.ioctls.get(request) === right.ioctls.get(request)
      ? []
      : [
          {
            table: 'kernel',
            id: 'ioctls',
            topic: `request 0x${request.toString(16)}`,
            left: `${left.id} ${sizeOf(left, request)}`,
            right: `${right.id} ${sizeOf(right, request)}`,
          },
        ];
  const properties = rows.filter(({ property, shows }) => left[property] !== right[property] && shows(found));
  return [
    ...known,
    ...properties.map(({ property, topic }): DiffReason => {
      const side = (kernel: KernelProfile): string => `${kernel.id}: ${String(kernel[property])}`;
      return { table: 'kernel', id: property, topic, left: side(left), right: side(right) };
    }),
  ];
}
