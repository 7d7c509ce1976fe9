import { describe, expect, it } from 'vitest';
import { IommufdClient } from '@ioasis/core';
import { MockClient } from '@ioasis/testkit';
import { APERTURE, DATA, errnoOf, ok, PAGE } from '../mock/mock-bench.js';
import { ioasVariants, PAGES, withIoas, type IoasFixture } from './ioas-variants.js';

/* The bodies of the fixture `iommufd_ioas` that reach memory through a kernel access, by name. */

const BYTES = PAGES * PAGE;

/** Reads and writes short pieces around the first page boundary, and everything at once; memory is compared with the program's. */
function checkReadWrite({ bench }: IoasFixture, fd: number, iova: bigint, slow: boolean): void {
  const { addressSpace } = bench.process;
  let seed = 1;
  const noise = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => (seed = (seed * 1103515245 + 12345) & 0x7fff_ffff) >> 16);
  addressSpace.poke(DATA, noise(Number(BYTES)));
  for (let offset = PAGE - 20n; offset < PAGE + 20n; offset += 3n) {
    for (let length = 1; length < 40; length += 6) {
      expect(ok(bench.mock.read(fd, iova + offset, length, slow))).toEqual(addressSpace.peek(DATA + offset, length));
      const bytes = noise(length);
      ok(bench.mock.write(fd, iova + offset, bytes, slow));
      expect(addressSpace.peek(DATA + offset, length)).toEqual(bytes);
    }
  }
  const all = ok(bench.mock.read(fd, iova, Number(BYTES), slow));
  expect(Buffer.compare(all, addressSpace.peek(DATA, Number(BYTES)))).toBe(0);
}

describe.for(ioasVariants)('iommufd_ioas $name', { timeout: 60_000 }, (variant) => {
  it('access_domain_destory', () =>
    withIoas(variant, ({ bench, ioasId, devices, base }) => {
      const huge = 0x24_0000_0000n;
      const length = 0x40_0000n;
      ok(bench.process.addressSpace.mmap(huge, length, 'rw', { kind: 'huge2m' }));
      ok(bench.iommufd.ioasMap({ ioasId, userVa: huge, length, iova: base }));
      const fd = ok(bench.mock.createAccess(ioasId, true));
      // One page in the first huge page and one at the border stay when the devices go.
      const pages = [PAGE, 0x1f_f000n, 0x20_0000n].map((offset) =>
        ok(bench.mock.pinPages(fd, { iova: base + offset, length: PAGE, userVa: huge + offset }, true)),
      );
      for (const { stdevId } of devices) ok(bench.iommufd.destroy(stdevId));
      expect(bench.process.addressSpace.pinnedPages).toBe(3);
      for (const id of pages) ok(bench.mock.unpinPages(fd, id));
      expect(bench.process.addressSpace.pinnedPages).toBe(0);
    }));

  it('access_pin', () =>
    withIoas(variant, ({ bench, ioasId, devices }) => {
      const { iommufd, mock } = bench;
      const fd = ok(mock.createAccess(ioasId, true));
      const refs = devices.length > 0 ? 1 : 0;
      for (let pages = 1n; pages < PAGES; pages += 3n) {
        ok(iommufd.ioasMap({ ioasId, userVa: DATA, length: BYTES, iova: APERTURE }));
        const range = { iova: APERTURE, length: pages * PAGE, userVa: DATA };
        ok(mock.unpinPages(fd, ok(mock.pinPages(fd, range, true))));
        const twice = [ok(mock.pinPages(fd, range, true)), ok(mock.pinPages(fd, range, true))];
        ok(mock.checkRefs(DATA, pages * PAGE, 1));
        ok(mock.checkRefs(DATA + pages * PAGE, BYTES - pages * PAGE, refs));
        for (const id of twice) ok(mock.unpinPages(fd, id));
        const kept = ok(mock.pinPages(fd, range, true));
        const added = ok(mock.mockDomain(ioasId));
        ok(mock.checkMap(added.hwptId, { iova: APERTURE, length: BYTES, userVa: DATA }));
        ok(mock.checkRefs(DATA, BYTES, 1));
        ok(iommufd.destroy(added.stdevId));
        ok(mock.unpinPages(fd, kept));
        ok(mock.checkRefs(DATA, BYTES, refs));
        expect(ok(iommufd.ioasUnmap(ioasId, APERTURE, BYTES))).toBe(BYTES);
        ok(mock.checkRefs(DATA, BYTES, 0));
      }
    }));

  it('access_pin_unmap', () =>
    withIoas(variant, ({ bench, ioasId }) => {
      const fd = ok(bench.mock.createAccess(ioasId, true));
      ok(bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: BYTES, iova: APERTURE }));
      const id = ok(bench.mock.pinPages(fd, { iova: APERTURE, length: BYTES, userVa: DATA }, true));
      expect(ok(bench.iommufd.ioasUnmap(ioasId, APERTURE, BYTES))).toBe(BYTES);
      expect(errnoOf(bench.mock.unpinPages(fd, id))).toBe('ENOENT');
    }));

  it('access_rw', () =>
    withIoas(variant, (fixture) => {
      const { bench, ioasId } = fixture;
      const fd = ok(bench.mock.createAccess(ioasId, false));
      const iova = ok(bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: BYTES }));
      checkReadWrite(fixture, fd, iova, false);
      checkReadWrite(fixture, fd, iova, true);
    }));

  it('access_rw_unaligned', () =>
    withIoas(variant, (fixture) => {
      const { bench, ioasId, base } = fixture;
      const fd = ok(bench.mock.createAccess(ioasId, false));
      ok(bench.iommufd.ioasMap({ ioasId, userVa: DATA, length: BYTES, iova: base + 0x800n }));
      checkReadWrite(fixture, fd, base + 0x800n, false);
    }));

  it('fork_gone', () =>
    withIoas(variant, (fixture) => {
      const { bench, ioasId, devices } = fixture;
      const fd = ok(bench.mock.createAccess(ioasId, false));
      const child = ok(bench.process.fork());
      ok(new IommufdClient(child, bench.iommufd.fd).ioasMap({ ioasId, userVa: DATA, length: BYTES, iova: APERTURE }));
      child.exit();
      if (devices.length > 0) {
        // What the child mapped was pinned then; a new page table takes it from there.
        ok(bench.mock.mockDomain(ioasId));
        checkReadWrite(fixture, fd, APERTURE, false);
      } else {
        expect(errnoOf(bench.mock.mockDomain(ioasId))).toBe('EFAULT');
      }
    }));

  it('fork_present', () =>
    withIoas(variant, (fixture) => {
      const { bench, ioasId } = fixture;
      const fd = ok(bench.mock.createAccess(ioasId, false));
      const child = ok(bench.process.fork());
      ok(new IommufdClient(child, bench.iommufd.fd).ioasMap({ ioasId, userVa: DATA, length: BYTES, iova: APERTURE }));
      ok(bench.mock.mockDomain(ioasId));
      checkReadWrite(fixture, fd, APERTURE, false);
      // The child sees the same memory through its own descriptor of the access.
      expect(ok(new MockClient(child, bench.iommufd.fd).read(fd, APERTURE, 8))).toEqual(
        bench.process.addressSpace.peek(DATA, 8),
      );
    }));
});
