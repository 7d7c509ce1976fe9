import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { UnmapFlag, VfioContainerClient } from '@ioasis/compat-vfio';
import { VfioExtension, VfioIommuType1Info } from '@ioasis/core';
import { APERTURE, CLEAN, DATA, errnoOf, MockBench, ok, PAGE } from '../mock/mock-bench.js';

/* The bodies of the fixture `vfio_compat_mock_domain` of Linux's tools/testing/selftests/iommu, by name. */

const variants = [
  { name: 'Ver1v2', type: VfioExtension.TYPE1V2 },
  { name: 'Ver1v0', type: VfioExtension.TYPE1 },
] as const;

type Variant = (typeof variants)[number];

const PAGES = 16n;

interface Fixture {
  readonly bench: MockBench;
  readonly ioasId: number;
  readonly container: VfioContainerClient;
}

function withContainer({ type }: Variant, body: (fixture: Fixture) => void): void {
  const bench = new MockBench();
  const { iommufd, mock, process } = bench;
  const ioasId = ok(iommufd.ioasAlloc());
  ok(mock.mockDomain(ioasId));
  ok(iommufd.setVfioIoas(ioasId));
  const container = new VfioContainerClient(process, iommufd.fd);
  ok(container.setIommu(type));
  body({ bench, ioasId, container });
  process.exit();
  expect(bench.close()).toEqual(CLEAN);
}

/** The numbers from 0 up to `count`, in an order that is neither up nor down. */
const shuffled = (count: number): bigint[] => Array.from({ length: count }, (_, n) => BigInt((n * 7 + 3) % count));

describe.for(variants)('vfio_compat_mock_domain $name', { timeout: 60_000 }, (variant) => {
  it('simple_close', () => withContainer(variant, ({ container }) => ok(container.close())));

  it('option_huge_pages', () =>
    withContainer(variant, ({ bench, ioasId }) => {
      expect(ok(bench.iommufd.getOption('HUGE_PAGES', ioasId))).toBe(variant.name === 'Ver1v2' ? 1n : 0n);
    }));

  it('get_info', () =>
    withContainer(variant, ({ bench, container }) => {
      const info = ok(container.getInfo());
      expect(info).toMatchObject({
        iovaRanges: [{ start: APERTURE, last: 0x7fff_ffffn }],
        dmaAvailable: 0xffff_ffff,
        chain: [
          { id: 3, offset: 24 },
          { id: 1, offset: 40 },
        ],
      });
      // Whatever the size, nothing is written behind it, and a chain is only announced when it is whole.
      const at = 0x28_0000_0000n;
      ok(bench.process.addressSpace.mmap(at, PAGE, 'rw', { kind: 'private' }));
      const whole = 72;
      for (let argsz = 16; argsz <= whole + 8; argsz++) {
        const canary = new Uint8Array(128).fill(0xaa);
        canary.set(VfioIommuType1Info.encode({ argsz }).subarray(0, Math.min(argsz, 24)));
        bench.process.addressSpace.poke(at, canary);
        ok(bench.process.ioctl(bench.iommufd.fd, 0x3b70, at));
        const answer = bench.process.addressSpace.peek(at, 128);
        expect(answer.subarray(argsz).every((byte) => byte === 0xaa)).toBe(true);
        const { argsz: needed, cap_offset: chain } = VfioIommuType1Info.decode(answer);
        expect(needed).toBe(whole);
        if (argsz >= 24) expect(chain).toBe(argsz >= whole ? 24 : 0);
      }
    }));

  it('map', () =>
    withContainer(variant, ({ container }) => {
      const all = { vaddr: DATA, iova: APERTURE, size: PAGES * PAGE };
      ok(container.mapDma(all));
      expect(container.unmapDma(all).size).toBe(all.size);
      expect(container.unmapDma(all)).toMatchObject({ result: { _tag: 'Right' }, size: 0n });
      ok(container.mapDma(all));
      expect(errnoOf(container.unmapDma(all, UnmapFlag.ALL).result)).toBe('EINVAL');
      expect(container.unmapAll().size).toBe(all.size);
      for (let n = 0n; n < PAGES; n++) {
        ok(container.mapDma({ vaddr: DATA + n * PAGE, iova: APERTURE + n * PAGE, size: PAGE }));
      }
      for (const n of shuffled(Number(PAGES))) {
        expect(container.unmapDma({ iova: APERTURE + n * PAGE, size: PAGE }).size).toBe(PAGE);
      }
    }));

  it('huge_map', () =>
    withContainer(variant, ({ bench, container }) => {
      const huge = 0x29_0000_0000n;
      const size = 0x40_0000n;
      ok(bench.process.addressSpace.mmap(huge, size, 'rw', { kind: 'huge2m' }));
      ok(container.mapDma({ vaddr: huge, iova: APERTURE, size }));
      const part = size / 16n;
      for (const n of shuffled(16)) {
        const { result } = container.unmapDma({ iova: APERTURE + n * part, size: part });
        // TYPE1 cuts the mapping, TYPE1v2 refuses to.
        expect(errnoOf(result)).toBe(variant.name === 'Ver1v2' ? 'ENOENT' : 'ok');
      }
      const left = container.unmapAll();
      expect(isLeft(left.result)).toBe(false);
      expect(left.size).toBe(variant.name === 'Ver1v2' ? size : 0n);
    }));
});
