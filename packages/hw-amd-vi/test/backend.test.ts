import { DIRTY_NO_CLEAR, Errno, hi32, HwptFlag, IotlbGather, lo32, Prot, type IommuDomain } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { amdVi } from '../src/index.js';
import { bareBackend, device, portOf } from './bench-machine.js';

const IOVA = 0x12_3456_7000n;
const PA = 0x1_2000_0000n;

function map(domain: IommuDomain, iova: bigint, pa: bigint, shift: number, count: number, prot: number): number {
  return domain.mapPages(hi32(iova), lo32(iova), hi32(pa), lo32(pa), shift, count, prot);
}

function unmap(domain: IommuDomain, iova: bigint, shift: number, count: number): number {
  const gather = new IotlbGather();
  const bytes = domain.unmapPages(hi32(iova), lo32(iova), shift, count, gather);
  domain.syncUnmap(gather);
  return bytes;
}

function attached(options: Parameters<typeof bareBackend>[0] = {}) {
  const at = bareBackend(options);
  const dev = device(0x10);
  expect(at.backend.addDevice(dev)).toBe(0);
  const domain = at.backend.allocPaging(dev, 0, undefined);
  if (typeof domain === 'number') throw new Error(`errno ${domain}`);
  expect(at.backend.attach(dev, domain)).toBe(0);
  return { ...at, dev, domain, port: portOf(at, dev) };
}

describe('an AMD IOMMU with its driver', () => {
  it.each([{ caches: true }, { caches: false }, { preset: 'zen-server' }, { completion: 'stepped' }] as const)(
    'moves bytes through a mapping and refuses them after the unmap (%o)',
    (options) => {
      const { memory, domain, port, backend } = attached(options);
      expect(map(domain, IOVA, PA, 12, 2, Prot.READ | Prot.WRITE)).toBe(0);
      expect(port.write(IOVA + 0xffen, Uint8Array.of(1, 2, 3, 4)).status).toBe('ok');
      const bytes = new Uint8Array(4);
      memory.read(PA + 0xffen, bytes);
      expect([...bytes]).toEqual([1, 2, 3, 4]);
      expect([...port.read(IOVA + 0xffen, 4).data]).toEqual([1, 2, 3, 4]);

      expect(unmap(domain, IOVA, 12, 2)).toBe(8192);
      const outcome = port.read(IOVA, 4);
      expect(outcome.status).toBe('blocked');
      expect(outcome.pieces[0]?.fault).toMatchObject({
        name: 'IO_PAGE_FAULT',
        details: { present: false },
        recorded: 'recorded',
      });
      expect(backend.events.at(-1)?.line).toBe(
        'AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:02.0 domain=0x0001 address=0x1234567000 flags=0x0000]',
      );
    },
  );

  it('keeps write-only mappings write-only, and says so as a permission fault', () => {
    const { domain, port } = attached();
    expect(map(domain, IOVA, PA, 12, 1, Prot.WRITE)).toBe(0);
    expect(port.write(IOVA, Uint8Array.of(9)).status).toBe('ok');
    expect(port.read(IOVA, 1).pieces[0]?.fault).toMatchObject({ details: { present: true, permission: true } });
    expect(map(domain, IOVA, PA, 12, 1, Prot.CACHE)).toBe(Errno.EINVAL);
  });

  it('grows its table to six levels and keeps what was mapped', () => {
    const { domain, port, backend, dev } = attached();
    expect(map(domain, 0x1000n, PA, 12, 1, Prot.READ)).toBe(0);
    expect(map(domain, 0xffff_ffff_ffff_e000n, PA + 0x5000n, 12, 1, Prot.READ)).toBe(0);
    expect(port.read(0x1000n, 1).pieces[0]?.pa).toBe(PA);
    expect(port.read(0xffff_ffff_ffff_e000n, 1).pieces[0]?.pa).toBe(PA + 0x5000n);
    const walk = backend.unit.explain(dev.requesterId, -1, 0xffff_ffff_ffff_e123n, 1);
    expect(walk.pa).toBe(PA + 0x5123n);
    expect(walk.steps.map(({ what }) => what)).toEqual([
      'DTE',
      'host PDE level 6',
      'host PDE level 5',
      'host PDE level 4',
      'host PDE level 3',
      'host PDE level 2',
      'host PTE level 1',
    ]);
  });

  it('writes replicated leaves for every size, and finds them at every replica', () => {
    const { domain, port } = attached({ caches: false });
    for (let shift = 12; shift <= 30; shift++) {
      const iova = 1n << 40n;
      expect(map(domain, iova, (1n << 31n) << 1n, shift, 1, Prot.READ)).toBe(0);
      const last = iova + (1n << BigInt(shift)) - 4n;
      expect(port.read(last, 4).pieces[0]?.pa).toBe((1n << 32n) + (1n << BigInt(shift)) - 4n);
      expect(port.read(last + 4n, 4).status).toBe('blocked');
      expect(unmap(domain, iova, shift, 1)).toBe(2 ** shift);
      expect(port.read(iova, 4).status).toBe('blocked');
    }
  });

  it('moves a device to another domain', () => {
    const { backend, dev, domain, port } = attached({ preset: 'zen-server' });
    const other = backend.allocPaging(dev, 0, undefined);
    if (typeof other === 'number') throw new Error(`errno ${other}`);
    map(domain, IOVA, PA, 12, 1, Prot.READ);
    map(other, IOVA, PA + 0x1000n, 12, 1, Prot.READ);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
    expect(backend.attach(dev, other)).toBe(0);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA + 0x1000n);
    backend.detach(dev);
    expect(port.read(IOVA, 1).status).toBe('blocked');
  });

  it('tracks dirty pages where the hardware does', () => {
    expect(attached().backend.allocPaging(device(0x10), HwptFlag.DIRTY_TRACKING, undefined)).toBe(Errno.EOPNOTSUPP);
    const { backend, dev, port } = attached({ preset: 'zen-server' });
    const domain = backend.allocPaging(dev, HwptFlag.DIRTY_TRACKING, undefined);
    if (typeof domain === 'number' || domain.dirty === undefined) throw new Error('no dirty tracking');
    backend.attach(dev, domain);
    // 64 KiB as one leaf with 16 replicas: only the walked one gets the bit, the reader sees all of it.
    map(domain, 0n, PA, 16, 1, Prot.READ | Prot.WRITE);
    expect(domain.dirty.setTracking(true)).toBe(0);
    const dirty = (flags: number): [number, number][] => {
      const found: [number, number][] = [];
      const gather = new IotlbGather();
      const sink = { mark: (_hi: number, lo: number, bytes: number) => void found.push([lo, bytes]) };
      expect(domain.dirty?.readAndClear(0, 0, 0x20000, flags, sink, gather)).toBe(0);
      domain.syncUnmap(gather);
      return found;
    };
    port.read(0x3000n, 4);
    expect(dirty(0)).toEqual([]);
    port.write(0x3000n, Uint8Array.of(1));
    expect(dirty(DIRTY_NO_CLEAR)).toEqual([[0, 0x10000]]);
    expect(dirty(0)).toEqual([[0, 0x10000]]);
    expect(dirty(0)).toEqual([]);
    port.write(0x3000n, Uint8Array.of(1));
    expect(dirty(0)).toEqual([[0, 0x10000]]);
  });

  it('leaves nothing behind when table frames run out in the middle of a map', () => {
    const { tableFrames, domain } = attached();
    const held: number[] = [];
    for (let frame = tableFrames.allocate(0); frame >= 0; frame = tableFrames.allocate(0)) held.push(frame);
    const before = tableFrames.framesInUse;
    for (const frame of held.splice(-2)) tableFrames.free(frame, 0);
    // Three tables are needed, two are there.
    expect(map(domain, 0x40_0000_0000n - 0x1000n, PA, 12, 2, Prot.READ)).toBe(Errno.ENOMEM);
    const mapped = domain.mappedPages;
    if (mapped > 0) unmap(domain, 0x40_0000_0000n - 0x1000n, 12, mapped);
    domain.free();
    expect(tableFrames.framesInUse).toBeLessThan(before);
  });

  it('refuses wrong options with path, value and what is allowed', () => {
    expect(() => amdVi({ caches: { ways: 3 } })).toThrow(
      'amdVi: caches.ways is 3, expected a power of two from 1 to 64',
    );
  });
});
