import { expect, it } from 'vitest';
import { stepTitle, type TraceStep } from '../../src/index.js';

it.each([
  [{ op: 'ioctl', cmd: 'IOMMU_IOAS_MAP', fd: 'iommu0' }, 'IOMMU_IOAS_MAP on iommu0'],
  [{ op: 'open', path: '/dev/iommu', fd: 'iommu0' }, 'open /dev/iommu'],
  [{ op: 'dma', fd: 'dev0', dir: 'to-dev', iova: '0x1000' }, 'dma to-dev at 0x1000 by dev0'],
  [{ op: 'peek', addr: '0x1000' }, 'peek 0x1000'],
  [{ op: 'caps' }, 'caps'],
])('%j is called %s', (step, title) => {
  expect(stepTitle(step as unknown as TraceStep)).toBe(title);
});
