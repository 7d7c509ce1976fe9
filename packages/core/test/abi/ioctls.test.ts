import { describe, expect, it } from 'vitest';
import {
  ioctlNr,
  ioctlNumber,
  iommufdIoctls,
  IommufdRequest,
  vfioIoctls,
  VfioRequest,
  type IoctlDefinition,
} from '../../src/index.ts';

/** name, request, size and minimum size, from the uapi headers of Linux 6.12 (sizes printed by a compiled program). */
const golden: readonly (readonly [string, number, number, number])[] = [
  ['IOMMU_DESTROY', 0x3b80, 8, 8],
  ['IOMMU_IOAS_ALLOC', 0x3b81, 12, 12],
  ['IOMMU_IOAS_ALLOW_IOVAS', 0x3b82, 24, 24],
  ['IOMMU_IOAS_COPY', 0x3b83, 40, 40],
  ['IOMMU_IOAS_IOVA_RANGES', 0x3b84, 32, 32],
  ['IOMMU_IOAS_MAP', 0x3b85, 40, 40],
  ['IOMMU_IOAS_UNMAP', 0x3b86, 24, 24],
  ['IOMMU_OPTION', 0x3b87, 24, 24],
  ['IOMMU_VFIO_IOAS', 0x3b88, 12, 12],
  ['IOMMU_HWPT_ALLOC', 0x3b89, 48, 24],
  ['IOMMU_GET_HW_INFO', 0x3b8a, 40, 32],
  ['IOMMU_HWPT_SET_DIRTY_TRACKING', 0x3b8b, 16, 16],
  ['IOMMU_HWPT_GET_DIRTY_BITMAP', 0x3b8c, 48, 48],
  ['IOMMU_HWPT_INVALIDATE', 0x3b8d, 32, 32],
  ['IOMMU_FAULT_QUEUE_ALLOC', 0x3b8e, 16, 16],
];

const sizes = ({ argument }: IoctlDefinition): readonly number[] =>
  argument.kind === 'struct' ? [argument.layout.size, argument.layout.minSize] : [];

describe('ioctl tables', () => {
  it('have the numbers and sizes of the header', () => {
    expect(iommufdIoctls.map((it) => [it.name, it.request, ...sizes(it)])).toEqual(golden);
  });

  it('build request numbers as _IO does', () => {
    expect(ioctlNumber(';', 0x85)).toBe(IommufdRequest.IOAS_MAP);
    expect(ioctlNumber(';', 100 + 13)).toBe(VfioRequest.IOMMU_MAP_DMA);
    expect(ioctlNr(0x3b85)).toBe(0x85);
  });

  it('keep VFIO numbers apart by kind of file', () => {
    const keys = vfioIoctls.map((it) => `${it.file} ${it.request}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(VfioRequest.IOMMU_DIRTY_PAGES).toBe(VfioRequest.DEVICE_FEATURE);
  });

  it('spell the argument of IOAS_MAP and SET_IRQS as the header does', () => {
    const map = iommufdIoctls.find(({ request }) => request === 0x3b85)?.argument;
    expect(map?.kind === 'struct' && map.layout.offsets).toEqual({
      size: 0,
      flags: 4,
      ioas_id: 8,
      __reserved: 12,
      user_va: 16,
      length: 24,
      iova: 32,
    });
    const irqs = vfioIoctls.find(({ name }) => name === 'VFIO_DEVICE_SET_IRQS');
    expect(irqs?.request).toBe(0x3b6e);
  });
});
