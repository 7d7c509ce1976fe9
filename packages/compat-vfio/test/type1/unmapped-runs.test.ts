import { MemoryFile, VfioExtension, type Process } from '@ioasis/core';
import { expect, it } from 'vitest';
import { flatBackend } from '../support/flat-backend.js';
import { must, TestMachine } from '../support/vfio-machine.js';

const SCATTERED = 0x300_0000_0000n;
const PAGE = 0x1000n;

/** Memory in which no page follows its neighbour: every page shows the same page of a file. */
function mapScattered({ addressSpace }: Process, pages: number): void {
  const file = new MemoryFile(addressSpace.pages, PAGE);
  for (let at = 0; at < pages; at++) {
    must(addressSpace.mmap(SCATTERED + BigInt(at) * PAGE, PAGE, 'rw', { kind: 'file', file, offset: 0n }));
  }
}

it('an invalidation covers up to 512 runs, and nothing is unpinned before it', () => {
  const pinsAtSync: number[] = [];
  const onSyncUnmap = (): void => void pinsAtSync.push(test.machine.pages.pinCount);
  const test = new TestMachine({ personality: 'type1', backend: flatBackend({ onSyncUnmap }) });
  mapScattered(test.process, 1100);
  const { container } = test.container1(VfioExtension.TYPE1V2);
  must(container.mapDma({ vaddr: SCATTERED, iova: 0n, size: 1100n * PAGE }));
  expect(container.unmapAll().size).toBe(1100n * PAGE);
  expect(pinsAtSync).toEqual([1100, 588, 76]);
  expect([test.machine.pages.pinCount, test.process.addressSpace.lockedPages]).toEqual([0, 0]);
});

it('a mapping of one run is invalidated once', () => {
  let syncs = 0;
  const test = new TestMachine({ personality: 'type1', backend: flatBackend({ onSyncUnmap: () => syncs++ }) });
  const { container } = test.container1(VfioExtension.TYPE1V2);
  must(container.mapDma({ vaddr: 0x200_0000_0000n, iova: 0n, size: 0x1_0000n }));
  container.unmapAll();
  expect(syncs).toBe(1);
});
