import { expect } from 'vitest';
import type { MockDomainIds } from '@ioasis/testkit';
import { APERTURE, CLEAN, MockBench, ok } from '../mock/mock-bench.js';

/** Pages of memory that the bodies map. */
export const PAGES = 16n;

/** A variant of the fixture `iommufd_ioas`. */
export interface IoasVariant {
  readonly name: string;
  readonly domains: number;
  /** Bytes of temporary memory; undefined: the kernel's own. */
  readonly limit?: number;
}

export const ioasVariants: readonly IoasVariant[] = [
  { name: 'no_domain', domains: 0 },
  { name: 'mock_domain', domains: 1 },
  { name: 'two_mock_domain', domains: 2 },
  { name: 'mock_domain_limit', domains: 1, limit: 16 },
];

/** What the bodies of the fixture start from. */
export interface IoasFixture {
  readonly bench: MockBench;
  readonly ioasId: number;
  readonly devices: readonly MockDomainIds[];
  /** First IOVA that may be mapped. */
  readonly base: bigint;
  /** Bytes that IOVA and length are multiples of. */
  readonly alignment: bigint;
}

/** Runs a body on a fresh fixture; afterwards nothing is left, and no rule of the mock was broken. */
export function withIoas({ domains, limit }: IoasVariant, body: (fixture: IoasFixture) => void): void {
  const bench = new MockBench();
  if (limit !== undefined) ok(bench.mock.setTempMemoryLimit(limit));
  const ioasId = ok(bench.iommufd.ioasAlloc());
  const devices = Array.from({ length: domains }, () => ok(bench.mock.mockDomain(ioasId)));
  const hasDomain = domains > 0;
  body({ bench, ioasId, devices, base: hasDomain ? APERTURE : 0n, alignment: hasDomain ? 0x800n : 1n });
  expect(
    [...bench.context.state.objects].flatMap((object) =>
      'table' in object ? (object.table as { checkInvariants(): string[] }).checkInvariants() : [],
    ),
  ).toEqual([]);
  bench.process.exit();
  expect(bench.close()).toEqual(CLEAN);
}
