/*
 * One user space driver on three IOMMUs: bind the device, map a buffer, do DMA, unmap, and see the next DMA refused. Every step takes the
 * way of the real one: ioctls with bytes in memory, page tables in memory, the unit's own walk. No test runner is needed.
 *
 * Prints:
 *   intel-vtd: the buffer reads 1,2,3; after the unmap: WRITE_DENIED
 *   amd-vi: the buffer reads 1,2,3; after the unmap: IO_PAGE_FAULT
 *   arm-smmuv3: the buffer reads 1,2,3; after the unmap: F_TRANSLATION
 */
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { assertFaults, assertNoLeaks, createTestMachine, selectBackends } from '@ioasis/testkit';

// All three, or those that IOASIS_BACKEND names.
for (const backend of selectBackends([intelVtd(), amdVi(), armSmmuv3()])) {
  // A machine with a device, a program that has /dev/iommu open, the device bound and attached to an empty IOAS.
  const pc = createTestMachine({ backend });

  const buffer = pc.buffer(0x1000);
  const iova = pc.map(buffer);
  pc.dma.write(iova, Uint8Array.of(1, 2, 3));
  const seen = buffer.read(0, 3).join();

  pc.unmap(iova, buffer.bytes);
  const late = pc.dma.write(iova, Uint8Array.of(4));
  assertFaults(late, { iova, access: 'write' });

  const fault = late.pieces[0]?.fault;
  console.log(`${backend.id}: the buffer reads ${seen}; after the unmap: ${typeof fault === 'object' && fault.name}`);
  assertNoLeaks(pc);
}
