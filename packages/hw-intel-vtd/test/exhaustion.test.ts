import { Errno, hi32, join64, lo32, Prot, type IommuDevice } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { InvalidationQueueStalled, type VtdOptions } from '../src/index.js';
import { attached, bareBackend, device, domainOf, map, portOf, unmap } from './bench-machine.js';

const IOVA = 0x12_3456_7000n;
const PA = 0x1_2000_0000n;
const RW = Prot.READ | Prot.WRITE;
/** Recorded registers of a unit without caching mode, 48 bits. */
const PLAIN_CAP = 0xd2_008c_222f_0606n;

describe.each(['immediate', 'stepped'] as const)('a VT-d unit whose driver runs out, %s completion', (completion) => {
  const make = (options: VtdOptions) => attached({ completion, ...options });

  it('runs out of domain ids: ENOSPC, and an id that comes back is used again', () => {
    // ND=0: 16 ids, of which 0 and 1 are reserved.
    const at = bareBackend({ cap: PLAIN_CAP & ~7n, completion });
    const { backend } = at;
    const place = (sid: number): { dev: IommuDevice; errno: number } => {
      const dev = device(sid, sid);
      backend.addDevice(dev);
      const domain = domainOf(backend.allocPaging(dev, 0, undefined));
      map(domain, IOVA, PA, 12, 1, RW);
      return { dev, errno: backend.attach(dev, domain) };
    };
    const placed = Array.from({ length: 14 }, (_, index) => place(index));
    expect(placed.map(({ errno }) => errno)).toEqual(Array(14).fill(0));
    const refused = place(20);
    expect(refused.errno).toBe(Errno.ENOSPC);
    expect(portOf(at, refused.dev).read(IOVA, 4).status).toBe('blocked');
    backend.detach(placed[5]!.dev);
    expect(place(21).errno).toBe(0);
    expect(place(22).errno).toBe(Errno.ENOSPC);
  });

  it.each([{ preset: 'qemu-q35-48bit' }, { preset: 'xeon-sapphire-rapids' }] as const)(
    'survives ENOMEM at every table allocation (%o)',
    (options) => {
      const { limit, tableFrames, backend, dev, domain, port } = make(options);
      map(domain, IOVA, PA, 12, 1, RW);
      const before = tableFrames.framesInUse;
      // New tables on both sides of a border between two entries of the root table.
      const border = 1n << 47n;
      const at = border - 0x1000n;
      const top = domain.aperture.last > border ? at : (1n << 46n) - 0x1000n;
      let refused = 0;
      for (limit.left = 0; ; limit.left = refused) {
        const errno = map(domain, top, PA, 12, 2, RW);
        limit.left = Number.POSITIVE_INFINITY;
        if (errno === 0) break;
        refused++;
        expect(errno).toBe(Errno.ENOMEM);
        // As core does after an error.
        if (domain.mappedPages > 0) unmap(domain, top, 12, domain.mappedPages);
        expect(domain.iovaToPhys(hi32(top), lo32(top))).toBe(false);
        expect(domain.iovaToPhys(hi32(IOVA), lo32(IOVA))).toBe(true);
        expect(join64(domain.foundPaHi, domain.foundPaLo)).toBe(PA);
        expect(port.read(top, 4).status).toBe('blocked');
        expect(port.read(IOVA, 4).pieces[0]?.pa).toBe(PA);
      }
      expect(refused).toBeGreaterThan(1);
      expect(port.read(top, 0x2000).status).toBe('ok');
      unmap(domain, top, 12, 2);
      unmap(domain, IOVA, 12, 1);
      backend.detach(dev);
      domain.free();
      const other = domainOf(backend.allocPaging(dev, 0, undefined));
      map(other, IOVA, PA, 12, 1, RW);
      expect(tableFrames.framesInUse).toBe(before);
    },
  );

  it('survives ENOMEM for a device and for a domain, and does not start without memory', () => {
    const at = bareBackend({ preset: 'xeon-sapphire-rapids', completion });
    const { backend, limit, tableFrames } = at;
    const dev = device(0x10);
    const before = tableFrames.framesInUse;
    for (let allowed = 0; ; allowed++) {
      limit.left = allowed;
      const errno = backend.addDevice(dev);
      limit.left = Number.POSITIVE_INFINITY;
      if (errno === 0) break;
      expect(errno).toBe(Errno.ENOMEM);
      expect(portOf(at, dev).read(IOVA, 4).status).toBe('blocked');
    }
    // Context table, PASID directory, PASID table.
    expect(tableFrames.framesInUse).toBe(before + 3);
    limit.left = 0;
    expect(backend.allocPaging(dev, 0, undefined)).toBe(Errno.ENOMEM);
    limit.left = Number.POSITIVE_INFINITY;
    expect(tableFrames.framesInUse).toBe(before + 3);
    const domain = domainOf(backend.allocPaging(dev, 0, undefined));
    expect(backend.attach(dev, domain)).toBe(0);
  });

  it('gives up when the queue does not run', () => {
    const { backend, domain } = make({ cap: PLAIN_CAP });
    map(domain, IOVA, PA, 12, 1, RW);
    backend.unit.write32(0x18, 0x8000_0000 | 0);
    expect(() => unmap(domain, IOVA, 12, 1)).toThrow(InvalidationQueueStalled);
  });
});
