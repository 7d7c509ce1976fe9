import { expect, it } from 'vitest';
import { createTestMachine, machineState } from '../../src/index.js';
import { APERTURE, DATA, MockBench, ok, PAGE } from '../mock/mock-bench.js';
import { vendors } from '../vendors.js';

it('shows objects, areas, charges, pins, locks and descriptors, and that a map and its unmap leave nothing', () => {
  const bench = new MockBench();
  const ioasId = ok(bench.iommufd.ioasAlloc());
  ok(bench.mock.mockDomain(ioasId));
  const before = machineState(bench.machine);
  expect(before).toMatchObject({
    objects: [
      [
        { id: 1, kind: 'ioas', ioas: { areas: 0, alignment: 0x800n, faults: [] } },
        { id: 2, kind: 'selftest', users: 1 },
        { id: 3, kind: 'device' },
        { id: 4, kind: 'hwpt-paging' },
      ],
    ],
    pins: 0,
    descriptors: { [bench.process.pid]: [3] },
  });
  ok(bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: 4n * PAGE, iova: APERTURE }));
  expect(machineState(bench.machine)).toMatchObject({ pins: 4, objects: [[{ ioas: { areas: 1 } }, {}, {}, {}]] });
  ok(bench.iommufd.ioasUnmapAll(ioasId));
  expect(machineState(bench.machine)).toEqual(before);
});

it.each(vendors)('does not count the page tables that a driver keeps: $id', (backend) => {
  const pc = createTestMachine({ backend });
  const buffer = pc.buffer(0x1000);
  const before = machineState(pc.machine);
  const iova = pc.map(buffer, 0x4000_0000n);
  expect(machineState(pc.machine).chargedBytes).toBeGreaterThan(before.chargedBytes);
  pc.unmap(iova, buffer.bytes);
  expect(machineState(pc.machine)).toEqual(before);
});
