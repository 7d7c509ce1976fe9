/*
 * Catch a use after unmap in a ring driver. The driver below gives a buffer's memory back as soon as it has rung the doorbell; on most days the
 * device is quick enough and nobody notices. The checker does, whenever the device comes, and says which call took the mapping away.
 *
 * Prints:
 *   intel-vtd, unmaps at once: use-after-unmap: DMA at 0x40000000 after IOMMU_IOAS_UNMAP, descriptor 0 failed
 *   intel-vtd, waits: clean, descriptor 0 done
 *   amd-vi, unmaps at once: use-after-unmap: DMA at 0x40000000 after IOMMU_IOAS_UNMAP, descriptor 0 failed
 *   amd-vi, waits: clean, descriptor 0 done
 *   arm-smmuv3, unmaps at once: use-after-unmap: DMA at 0x40000000 after IOMMU_IOAS_UNMAP, descriptor 0 failed
 *   arm-smmuv3, waits: clean, descriptor 0 done
 */
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import {
  assertNoLeaks,
  checkers,
  createTestMachine,
  RingDevice,
  RingDriver,
  selectBackends,
  type BackendSource,
  type Finding,
} from '@ioasis/testkit';

const RING = 0x3000_0000n;
const BUFFER = 0x4000_0000n;

function send(backend: BackendSource, habit: 'unmaps at once' | 'waits'): void {
  // The one option that turns the checkers on.
  const check = checkers();
  // The device works when it is stepped: so a test decides who is first, device or driver.
  const pc = createTestMachine({ backend, device: new RingDevice({ completion: 'stepped' }), services: [check] });
  const ring = pc.buffer(0x1000);
  pc.map(ring, RING);
  const driver = new RingDriver(pc.vfio, ring, RING);

  const packet = pc.buffer(Uint8Array.of(1, 2, 3, 4));
  pc.map(packet, BUFFER);
  driver.submit('send', BUFFER, 4);
  if (habit === 'waits') pc.device.step();
  pc.unmap(BUFFER, packet.bytes); // the bug, unless the device is done
  if (habit === 'unmaps at once') pc.device.step();

  const [completion] = driver.reap();
  const seen = check.take().map(headline).join('; ') || 'clean';
  console.log(`${backend.id}, ${habit}: ${seen}, descriptor ${completion?.index} ${completion?.outcome}`);
  assertNoLeaks(pc);
}

/** The short form; `check.text()` has the whole story, `check.assertClean()` throws it. */
function headline(finding: Finding): string {
  if (finding.checker !== 'use-after-unmap') return finding.checker;
  return `${finding.checker}: DMA at 0x${finding.dma.iova.toString(16)} after ${finding.call?.name}`;
}

for (const backend of selectBackends([intelVtd(), amdVi(), armSmmuv3()])) {
  send(backend, 'unmaps at once');
  send(backend, 'waits');
}
