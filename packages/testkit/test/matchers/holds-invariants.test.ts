import { describe, expect, it, vi } from 'vitest';
import { Ioas } from '@ioasis/core';
import '@ioasis/testkit/vitest';
import { assertHoldsInvariants, contextsOf, createTestMachine, mockBackend } from '../../src/index.js';
import { vendors } from '../vendors.js';

describe('toHoldInvariants', () => {
  it.each(vendors)('passes for a machine in use: $id', (backend) => {
    const pc = createTestMachine({ backend });
    pc.map(pc.buffer(0x3000));
    expect(pc).toHoldInvariants();
    expect(pc.machine).toHoldInvariants();
    expect(() => assertHoldsInvariants(pc)).not.toThrow();
  });

  it('prints what is broken, and the objects', () => {
    const pc = createTestMachine({ backend: mockBackend() });
    pc.map(pc.buffer(0x3000), 0x100_0000n);
    const table = contextsOf(pc.machine)[0]!.objects.find(pc.ioasId, Ioas)!.table;
    vi.spyOn(table, 'checkInvariants').mockReturnValue(['area at 0x1000000 is reserved']);
    expect(() => expect(pc).toHoldInvariants()).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the machine to hold its invariants
      ioas 2: area at 0x1000000 is reserved
      /dev/iommu 0: device 1 (3 users), ioas 2 (2 users, 1 areas), hwpt-paging 3 (2 users)]
    `);
  });

  it('counts a broken rule of the mock IOMMU, and prints the objects also when all is well', () => {
    const pc = createTestMachine({ backend: mockBackend() });
    expect(() => expect(pc).not.toHoldInvariants()).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the machine not to hold its invariants
      it does
      /dev/iommu 0: device 1 (3 users), ioas 2 (2 users, 0 areas), hwpt-paging 3 (2 users)]
    `);
    const domain = pc.machine.backend.allocPaging(pc.plugged.iommu, 0, undefined);
    if (typeof domain === 'number') throw new Error(`errno ${domain}`);
    for (const pa of [0, 0x800]) domain.mapPages(0, 0x100_0000, 0, pa, 11, 1, 3);
    expect(pc).not.toHoldInvariants();
  });
});
