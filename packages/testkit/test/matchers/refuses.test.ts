import { left, right } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import '@ioasis/testkit/vitest';
import { assertRefuses, createTestMachine, mockBackend } from '../../src/index.js';

const pc = createTestMachine({ backend: mockBackend() });
const map = (iova: bigint, length: bigint) => pc.iommufd.ioasMap({ ioasId: pc.ioasId, userVa: 0x1000n, length, iova });

describe('toRefuse', () => {
  it('passes for a refusal with this errno and code', () => {
    expect(map(0n, 0x1000n)).toRefuse('EINVAL');
    expect(map(0n, 0x1000n)).toRefuse('EINVAL', 'MAP_IOVA_RESERVED');
    expect(map(0n, 0x1000n)).not.toRefuse('EINVAL', 'MAP_LENGTH_ZERO');
    expect(right(1)).not.toRefuse('EINVAL');
    expect(() => assertRefuses(map(0n, 0x1000n), 'EINVAL', 'MAP_IOVA_RESERVED')).not.toThrow();
  });

  it('prints the refusal that came, and what the expected one means', () => {
    expect(() => expect(map(0n, 0x1000n)).toRefuse('EINVAL', 'MAP_LENGTH_ZERO')).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the call to be refused with EINVAL MAP_LENGTH_ZERO
      it was refused with EINVAL MAP_IOVA_RESERVED: a fixed IOVA range keeps clear of reserved ranges (aperture of a domain, MSI window or reserved region of a device) [iova=0x0 last=0xfff reservedStart=0x0 reservedLast=0xffffff] take the range from IOMMU_IOAS_IOVA_RANGES
      MAP_LENGTH_ZERO is EINVAL of io-pagetable: a map has at least one byte]
    `);
  });

  it('prints the value of a call that succeeded, and that a code does not exist', () => {
    expect(() => expect(right({ iova: 0x1000n })).toRefuse('EINVAL', 'MAP_LENGHT_ZERO'))
      .toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the call to be refused with EINVAL MAP_LENGHT_ZERO
      it succeeded with {"iova":"0x1000"}
      no loaded package refuses with MAP_LENGHT_ZERO]
    `);
    expect(() => assertRefuses(right(undefined), 'EBUSY')).toThrowErrorMatchingInlineSnapshot(`
      [AssertionError: expected the call to be refused with EBUSY
      it succeeded with nothing]
    `);
  });

  it('prints the refusal that should not have come', () => {
    const busy = left({ errno: 'EBUSY', code: 'IN_USE', rule: 'nobody uses it', facts: { id: 2 }, hint: '' } as const);
    expect(() => expect(busy).not.toRefuse('EBUSY', 'IN_USE')).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the call not to be refused with EBUSY IN_USE
      it was refused with EBUSY IN_USE: nobody uses it [id=2]]
    `);
  });
});
