import { describe, expect, it } from 'vitest';
import { IommufdAccess, AccessFlag, type AccessOwner } from '../../src/index.js';
import { bench, DATA, ok, why, type Bench } from './iommufd-fixture.js';

interface Owner extends AccessOwner {
  readonly unmapped: (readonly [bigint, bigint])[];
  onUnmap: (iova: bigint, length: bigint) => void;
}

const owner = (pinsPages: boolean): Owner => {
  const made: Owner = {
    pinsPages,
    unmapped: [],
    onUnmap: () => undefined,
    unmap: (iova, length) => {
      made.unmapped.push([iova, length]);
      made.onUnmap(iova, length);
    },
  };
  return made;
};

const pages = ({ process }: Bench): number => process.addressSpace.pinnedPages;

describe('an access', () => {
  it('raises the alignment of its IOAS while it pins', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const access = ok(IommufdAccess.create(b.context.state, owner(true)));
    ok(access.attach(ioasId));
    expect(ok(b.client.ioasIovaRanges(ioasId)).alignment).toBe(0x1000n);
    expect(why(b.client.destroy(ioasId))).toBe('EBUSY OBJECT_BUSY');
    expect(why(b.client.destroy(access.id))).toBe('EBUSY OBJECT_BUSY');
    access.close();
    expect(ok(b.client.ioasIovaRanges(ioasId)).alignment).toBe(1n);
    ok(b.client.destroy(ioasId));
  });

  it('pins, and is asked to unpin before an unmap', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const user = owner(true);
    const access = ok(IommufdAccess.create(b.context.state, user));
    ok(access.attach(ioasId));
    const iova = ok(b.client.ioasMap({ ioasId, userVa: DATA, length: 0x3000n, writable: false }));
    expect(ok(access.pin(iova + 0x1000n, 0x1000n, false))).toHaveLength(1);
    expect(pages(b)).toBe(1);
    expect(why(access.pin(iova, 0x1000n, true))).toBe('EPERM ACCESS_PROTECTION');
    expect(why(access.pin(iova, 0x4000n, false))).toBe('ENOENT ACCESS_HOLE');
    expect(pages(b)).toBe(1);
    user.onUnmap = () => access.unpin(iova + 0x1000n, 0x1000n);
    expect(ok(b.client.ioasUnmapAll(ioasId))).toBe(0x3000n);
    expect(user.unmapped).toEqual([[iova, 0x3000n]]);
    expect(pages(b)).toBe(0);
  });

  it('that never lets go ends an unmap with EDEADLK', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const user = owner(true);
    const access = ok(IommufdAccess.create(b.context.state, user));
    ok(access.attach(ioasId));
    const iova = ok(b.client.ioasMap({ ioasId, userVa: DATA, length: 0x1000n }));
    ok(access.pin(iova, 0x1000n, true));
    expect(why(b.client.ioasUnmapAll(ioasId))).toBe('EDEADLK ACCESS_KEEPS_PAGES');
    expect(user.unmapped).toHaveLength(101);
    expect(why(access.pin(iova, 0x1000n, true))).toBe('EINVAL ACCESS_UNMAP_WAITS');
    access.unpin(iova, 0x1000n);
    ok(b.client.ioasUnmapAll(ioasId));
  });

  it('cannot be destroyed, nor its IOAS, from within its own callback', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const user = owner(true);
    const access = ok(IommufdAccess.create(b.context.state, user));
    ok(access.attach(ioasId));
    const iova = ok(b.client.ioasMap({ ioasId, userVa: DATA, length: 0x1000n }));
    ok(access.pin(iova, 0x1000n, true));
    const seen: string[] = [];
    user.onUnmap = () => {
      seen.push(why(b.client.destroy(ioasId)));
      access.unpin(iova, 0x1000n);
    };
    expect(ok(b.client.ioasUnmap(ioasId, iova, 0x1000n))).toBe(0x1000n);
    expect(seen).toEqual(['EBUSY OBJECT_BUSY']);
  });

  it('reads and writes by IOVA', () => {
    const b = bench();
    const ioasId = ok(b.client.ioasAlloc());
    const access = ok(IommufdAccess.create(b.context.state, owner(false)));
    const bytes = Uint8Array.of(1, 2, 3, 4);
    expect(why(access.readWrite(0n, bytes, 0, b.process.addressSpace))).toBe('ENOENT ACCESS_NOT_ATTACHED');
    ok(access.attach(ioasId));
    ok(b.client.ioasMap({ ioasId, userVa: DATA + 0x10n, length: 0x2000n, iova: 0x1_0010n }));
    ok(access.readWrite(0x1_0ffen, bytes, AccessFlag.WRITE, b.process.addressSpace));
    expect([...b.process.addressSpace.peek(DATA + 0xffen, 4)]).toEqual([1, 2, 3, 4]);
    const back = new Uint8Array(4);
    ok(access.readWrite(0x1_0ffen, back, AccessFlag.SLOW_PATH, b.process.addressSpace));
    expect(back).toEqual(bytes);
    expect(pages(b)).toBe(0);
  });

  it('moves to another IOAS and gives everything back before', () => {
    const b = bench();
    const [from, to] = [ok(b.client.ioasAlloc()), ok(b.client.ioasAlloc())];
    const user = owner(true);
    const access = ok(IommufdAccess.create(b.context.state, user));
    expect(why(access.replace(to))).toBe('ENOENT ACCESS_NOT_ATTACHED');
    ok(access.attach(from));
    const iova = ok(b.client.ioasMap({ ioasId: from, userVa: DATA, length: 0x1000n }));
    ok(access.pin(iova, 0x1000n, true));
    user.onUnmap = () => access.unpin(iova, 0x1000n);
    expect(why(access.replace(99))).toBe('ENOENT IOAS_NOT_FOUND');
    ok(access.replace(to));
    expect(user.unmapped).toEqual([[0n, 0xffff_ffff_ffff_ffffn]]);
    expect(pages(b)).toBe(0);
    ok(b.client.ioasMap({ ioasId: from, userVa: DATA, length: 0x10n, iova: 0x1n }));
    expect(why(access.replace(from))).toBe('EADDRINUSE ALIGNMENT_IN_USE');
    expect(access.ioas?.id).toBe(to);
    ok(b.client.destroy(from));
  });
});
