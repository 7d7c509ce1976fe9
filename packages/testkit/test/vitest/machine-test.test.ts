import { describe, expect } from 'vitest';
import { machineTest, testEachBackend } from '@ioasis/testkit/vitest';
import { vendors } from '../vendors.js';

testEachBackend(vendors, (test, backend) => {
  test('gives each test a machine of the backend, and closes it', ({ pc }) => {
    expect(pc.machine.backend.id).toBe(backend.id);
    const buffer = pc.buffer(0x1000);
    expect(pc).toTranslate(pc.map(buffer, 0x40_0000n), buffer.paOf(0));
  });

  test('gives each test its own', ({ pc }) => {
    expect(pc.dma.read(0x40_0000n, 1)).toFault({ iova: 0x40_0000n });
  });
});

describe('machineTest', () => {
  const test = machineTest(vendors[0]!);
  const small = test.override({ setup: { limits: { memlock: 0x1000n } } });

  small('takes what else a machine is made of', ({ pc }) => {
    const { va, bytes } = pc.buffer(0x2000);
    expect(pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: va, length: bytes })).toRefuse('ENOMEM', 'MEMLOCK_EXCEEDED');
  });

  test.fails('fails a test that leaves something', ({ pc }) => {
    const domain = pc.machine.backend.allocPaging(pc.plugged.iommu, 0, undefined);
    if (typeof domain === 'number') throw new Error(`errno ${domain}`);
    expect(domain.mapPages(0, 0x40_0000, 1, 0, 12, 1, 3)).toBe(0);
  });
});

describe('machineTest with checkers', () => {
  const test = machineTest(vendors[0]!).override({ checked: true });

  test('is silent when all is well', ({ pc }) => {
    const buffer = pc.buffer(0x1000);
    const iova = pc.map(buffer);
    expect(pc.dma.read(iova, 4)).not.toFault();
    pc.unmap(iova, buffer.bytes);
  });

  test.fails('fails a test whose device uses what was unmapped', ({ pc }) => {
    const buffer = pc.buffer(0x1000);
    const iova = pc.map(buffer);
    pc.unmap(iova, buffer.bytes);
    expect(pc.dma.read(iova, 4)).toFault({ iova });
  });
});
