import type { TraceStep } from './format.js';

/** What a step does, in a few words: `IOMMU_IOAS_MAP on iommu0`, `open /dev/iommu`. */
export function stepTitle(step: TraceStep): string {
  switch (step.op) {
    case 'ioctl':
      return `${step.cmd} on ${step.fd}`;
    case 'open':
      return `open ${step.path}`;
    case 'close':
    case 'read':
    case 'write':
    case 'poll':
    case 'config':
      return `${step.op} ${step.fd}`;
    case 'dma':
      return `dma ${step.dir} at ${step.iova} by ${step.fd}`;
    case 'mmap':
    case 'munmap':
    case 'mprotect':
    case 'peek':
    case 'poke':
      return `${step.op} ${step.addr}`;
    default:
      return step.op;
  }
}
