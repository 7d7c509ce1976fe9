/*
 * Test a DMA mapper on three vendors, with vitest. The mapper is a VMM's: it maps guest RAM one to one (IOVA = guest physical address)
 * and must leave out what a platform reserves, which is another range on each of them.
 *
 *   npx vitest run dma-mapper                               all three
 *   IOASIS_BACKEND=amd-vi npx vitest run dma-mapper         one
 */
import { expect } from 'vitest';
import type { IommufdClient, IoResult, Range64 } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { must } from '@ioasis/testkit';
import { testEachBackend } from '@ioasis/testkit/vitest';

// ---- What is tested: a few lines as a VMM has them. ----

/** Maps guest RAM at its guest physical address, around what devices cannot use. @returns what was mapped */
function mapGuestRam(iommu: IommufdClient, ioasId: number, ram: Range64, userVa: bigint): IoResult<Range64[]> {
  const usable = iommu.ioasIovaRanges(ioasId);
  if (usable._tag === 'Left') return usable;
  const mapped: Range64[] = [];
  for (const { start, last } of usable.right.ranges) {
    const from = start > ram.start ? start : ram.start;
    const to = last < ram.last ? last : ram.last;
    if (from > to) continue;
    const answer = iommu.ioasMap({ ioasId, userVa: userVa + from - ram.start, length: to - from + 1n, iova: from });
    if (answer._tag === 'Left') return answer;
    mapped.push({ start: from, last: to });
  }
  return { _tag: 'Right', right: mapped };
}

// ---- The tests: `pc` is a machine with device and program, closed and checked for leaks after each. ----

const MIB = 0x10_0000n;

testEachBackend([intelVtd(), amdVi(), armSmmuv3()], (test, backend) => {
  // Every test under checkers: it fails when a device is served from a stale translation or comes after an unmap.
  const it = test.override({ checked: true });

  it('maps RAM that is clear of reserved ranges in one piece', ({ pc }) => {
    const ram = pc.buffer(0x10_0000);
    const at = 0x4000_0000n;
    expect(must(mapGuestRam(pc.iommufd, pc.ioasId, { start: at, last: at + MIB - 1n }, ram.va))).toHaveLength(1);
    expect(pc).toTranslate(at + 0x5432n, ram.paOf(0x5432));
  });

  it('leaves the window of message signalled interrupts out', ({ pc }) => {
    // x86 takes no DMA at 0xfee00000; Linux on Arm reserves 0x08000000 for its doorbells.
    const window = backend.id === 'arm-smmuv3' ? 0x0800_0000n : 0xfee0_0000n;
    const ram = pc.buffer(0x30_0000);
    const pieces = must(
      mapGuestRam(pc.iommufd, pc.ioasId, { start: window - MIB, last: window + 2n * MIB - 1n }, ram.va),
    );
    expect(pieces).toEqual([
      { start: window - MIB, last: window - 1n },
      { start: window + MIB, last: window + 2n * MIB - 1n },
    ]);
    expect(pc).toTranslate(window + MIB, ram.paOf(0x20_0000));
    expect(pc.dma.read(window - 4n, 4)).not.toFault();
    expect(pc.dma.read(window + 8n, 4)).toFault({ iova: window + 8n });
  });

  it('reports what the kernel refuses', ({ pc }) => {
    const ram = pc.buffer(0x1000);
    const range = { start: 0x4000_0000n, last: 0x4000_0fffn };
    must(mapGuestRam(pc.iommufd, pc.ioasId, range, ram.va));
    expect(mapGuestRam(pc.iommufd, pc.ioasId, range, ram.va)).toRefuse('EEXIST', 'MAP_IOVA_OCCUPIED');
    expect(pc).toHoldInvariants();
  });
});
