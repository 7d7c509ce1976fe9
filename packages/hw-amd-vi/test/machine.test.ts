import { isRight } from 'fp-ts/lib/Either.js';
import { createTestMachine } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { amdVi, type AmdViOptions } from '../src/index.js';

const ranges = (options: AmdViOptions): unknown => {
  const { iommufd, ioasId } = createTestMachine({ backend: amdVi(options) });
  const answer = iommufd.ioasIovaRanges(ioasId);
  return isRight(answer) ? answer.right : answer.left.errno;
};

describe('what a program sees of an AMD IOMMU', () => {
  it.each([{}, { preset: 'zen-server' }] as const)(
    'three ranges of IOVAs around interrupts and HyperTransport (%o)',
    (options) => {
      expect(ranges(options)).toEqual({
        alignment: 4096n,
        ranges: [
          { start: 0n, last: 0xfedf_ffffn },
          { start: 0xfef0_0000n, last: 0xfc_ffff_ffffn },
          { start: 0x100_0000_0000n, last: 0xffff_ffff_ffff_ffffn },
        ],
      });
    },
  );

  it('half of what guest tables translate, because the other half is sign-extended for PASIDs', () => {
    const { ranges: found } = ranges({ preset: 'zen-server', pageTables: 'v2' }) as { ranges: { last: bigint }[] };
    expect(found.at(-1)?.last).toBe((1n << 56n) - 1n);
  });

  it('no hardware information in 6.12', () => {
    const { iommufd, deviceId } = createTestMachine({ backend: amdVi() });
    const answer = iommufd.hwInfo(deviceId);
    expect(isRight(answer) && answer.right).toMatchObject({ type: 0, data: new Uint8Array() });
  });
});
