import { VfioExtension } from '@ioasis/core';
import { expect } from 'vitest';
import { VfioContainerClient, VfioGroupClient } from '../../src/index.js';
import { flatBackend, type FlatBackend } from '../support/flat-backend.js';
import { BUFFER, codeOf, GROUP, must, outcome, TestMachine } from '../support/vfio-machine.js';
import { row } from './columns.js';

const { TYPE1V2 } = VfioExtension;

/** What a 32-bit program gets from a container: its group's status, the container's version, and a map and an unmap. */
function asked32(test: TestMachine): (string | number | bigint)[] {
  const process = test.machine.spawn({ bits: 32 });
  const vaddr = 0x4000_0000n;
  must(process.addressSpace.mmap(vaddr, 0x1000n, 'rw', { kind: 'shared' }));
  const container = must(VfioContainerClient.open(process));
  const group = must(VfioGroupClient.open(process, GROUP));
  const status = must(group.status());
  must(group.setContainer(container));
  const answers = [status, outcome(container.apiVersion()), outcome(container.setIommu(TYPE1V2))];
  const mapped = outcome(container.mapDma({ vaddr, iova: 0n, size: 0x1000n }));
  return [...answers, mapped, container.unmapDma({ iova: 0n, size: 0x1000n }).size];
}

row('38', {
  type1: (test) => expect(asked32(test)).toEqual([1, 0, 0, 0, 0x1000n]),
  // The group file is VFIO's own and serves it; the container is /dev/iommu under another name.
  iommufd: (test) => expect(asked32(test)).toEqual([1, 'ENOTTY', 'ENOTTY', 'ENOTTY', 0x1000n]),
});

const page = { vaddr: BUFFER, iova: 0x1000n, size: 0x1000n };

/**
 * Two threads on one container, the second call at the moment when the first one is in the driver. On the classic container the second waits for
 * the mutex, so there are two orders and nothing else.
 */
row('40', {
  type1: (test) => {
    const { container } = test.container1(TYPE1V2);
    const map = (): string => codeOf(container.mapDma(page));
    const unmap = (): bigint => container.unmapDma(page).size;
    expect([map(), unmap()]).toEqual(['ok', 0x1000n]);
    expect([unmap(), map()]).toEqual([0n, 'ok']);
  },
  iommufd: () => {
    const made: FlatBackend[] = [];
    const test = new TestMachine({ backend: flatBackend({}, (backend) => made.push(backend)) });
    const { container, group } = test.container1(TYPE1V2);
    must(group.openDevice('0000:00:01.0'));
    const domain = made[0]!.living[0]!;
    const duringMap: string[] = [];
    const mapPages = domain.mapPages.bind(domain);
    domain.mapPages = (...pages) => {
      duringMap.push(codeOf(container.unmapDma(page).result), codeOf(container.mapDma(page)));
      return mapPages(...pages);
    };
    must(container.mapDma(page));
    expect(duringMap).toEqual(['AREA_BUSY', 'MAP_IOVA_OCCUPIED']);

    const duringUnmap: string[] = [];
    const unmapPages = domain.unmapPages.bind(domain);
    domain.unmapPages = (...pages) => {
      duringUnmap.push(codeOf(container.mapDma(page)), codeOf(container.unmapDma(page).result));
      return unmapPages(...pages);
    };
    must(container.unmapDma(page).result);
    expect(duringUnmap).toEqual(['MAP_IOVA_OCCUPIED', 'AREA_BUSY']);
    expect(test.machine.close()).toMatchObject({ pins: 0, lockedPages: 0 });
  },
});
