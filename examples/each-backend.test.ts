/*
 * The three ways to have the same test on several vendors, with vitest.
 */
import { vfio } from '@ioasis/compat-vfio';
import { createMachine } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { checkers, createTestMachine, eachBackend } from '@ioasis/testkit';
import { machineTest, testEachBackend } from '@ioasis/testkit/vitest';
import { describe, expect, it } from 'vitest';

testEachBackend([intelVtd(), amdVi(), armSmmuv3()], (test) => {
  test('maps a buffer', ({ pc }) => {
    const buffer = pc.buffer(0x1000);
    const iova = pc.map(buffer);
    expect(pc).toTranslate(iova, buffer.paOf(0));
    pc.unmap(iova, buffer.bytes);
    expect(pc.dma.read(iova, 4)).toFault({ iova });
  });
});

const test = machineTest(intelVtd({ preset: 'qemu-q35-39bit' }));
test('ends where 39 bits end', ({ pc }) => {
  const { va } = pc.buffer(0x1000);
  const answer = pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: va, length: 0x1000n, iova: 1n << 39n });
  expect(answer).toRefuse('EINVAL', 'MAP_IOVA_RESERVED');
});

// With another runner: its `describe`, and nothing of vitest.
eachBackend(describe, [intelVtd(), amdVi(), armSmmuv3()], (backend) => {
  it('maps a buffer', () => {
    const pc = createTestMachine({ backend });
    expect(pc.dma.read(pc.map(pc.buffer(Uint8Array.of(7))), 1).data).toEqual(Uint8Array.of(7));
  });
});

it('reports what checkers found', () => {
  const check = checkers();
  const pc = createTestMachine({ backend: amdVi(), services: [check] });
  const buffer = pc.buffer(0x1000);
  const iova = pc.map(buffer);
  pc.unmap(iova, buffer.bytes);
  pc.dma.read(iova, 4); // after the unmap
  expect(() => check.assertClean()).toThrow('use after unmap');
});

it('makes a machine from parts', () => {
  const machine = createMachine({ backend: intelVtd(), services: [vfio({ personality: 'type1' })] });
  const program = machine.spawn();
  const container = program.open('/dev/vfio/vfio');
  expect(container).toMatchObject({ _tag: 'Right', right: 3 });
});
