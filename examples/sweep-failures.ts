/*
 * Sweep failures: run a scenario once for each place where memory can run out, a pin can fail or a copy can fault, and see that every
 * refused call left the machine as it was, can be made again, and that nothing leaks.
 *
 * Prints:
 *   intel-vtd: 0 findings
 *   amd-vi: 0 findings
 *   arm-smmuv3: 0 findings
 *   with a bug: state-changed: IOCTL_SIZE_UNREADABLE left marks 0 as 1
 */
import { strictEqual } from 'node:assert/strict';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import {
  createTestMachine,
  describeSweep,
  leaksOf,
  machineState,
  selectBackends,
  sweepFailures,
  type TestMachine,
} from '@ioasis/testkit';

const IOVA = 0x4000_0000n;

for (const backend of selectBackends([intelVtd(), amdVi(), armSmmuv3()])) {
  const report = sweepFailures({
    // Everything up to `steps` runs without failures.
    prepare: (failure) => createTestMachine({ backend, failure }),
    steps(pc) {
      const { va, bytes } = pc.buffer(0x8000);
      const other = pc.iommufd.ioasAlloc();
      strictEqual(other._tag, 'Right');
      return [
        () => pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: va, length: bytes, iova: IOVA }),
        () => pc.iommufd.ioasCopy({ srcIoasId: pc.ioasId, srcIova: IOVA, dstIoasId: other.right, length: bytes }),
        () => pc.vfio.attach(other.right),
        () => pc.iommufd.ioasUnmapAll(pc.ioasId),
      ];
    },
    state: (pc) => machineState(pc.machine),
    close: leaksOf,
  });
  strictEqual(report.findings.length, 0, describeSweep(report));
  console.log(`${backend.id}: ${report.findings.length} findings`);
}

// A program with a bug of the kind that a sweep is for: it counts a buffer as mapped before it knows.
class Mapper {
  marks = 0;

  readonly pc: TestMachine;

  constructor(pc: TestMachine) {
    this.pc = pc;
  }

  map(va: bigint): ReturnType<TestMachine['iommufd']['ioasMap']> {
    this.marks++;
    return this.pc.iommufd.ioasMap({ ioasId: this.pc.ioasId, userVa: va, length: 0x1000n });
  }
}

const { findings } = sweepFailures({
  prepare: (failure) => new Mapper(createTestMachine({ backend: intelVtd(), failure })),
  steps(mapper) {
    const { va } = mapper.pc.buffer(0x1000);
    return [() => mapper.map(va)];
  },
  state: ({ pc, marks }) => ({ ...machineState(pc.machine), marks }),
  close: ({ pc }) => leaksOf(pc),
});
const changed = findings.find(({ problem }) => problem === 'state-changed');
console.log(`with a bug: ${changed?.problem}: ${changed?.detail}`);
