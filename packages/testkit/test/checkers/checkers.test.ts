import { describe, expect, it } from 'vitest';
import { backends, CheckedMachine, IOVA, map, PA, unmap, unmapOnly, type Vendor } from './machines.js';

describe.each(Object.keys(backends) as Vendor[])('%s', (vendor) => {
  it('is silent while everything is in order', () => {
    const rig = new CheckedMachine(backends[vendor]());
    const domain = rig.attached();
    expect(map(domain, IOVA, PA, 0x40_0000)).toBe(0);
    expect(map(domain, 0x1000n, PA + 0x1000n, 0x3000)).toBe(0);
    expect([rig.read(0x1000n), rig.write(0x2000n), rig.read(IOVA), rig.read(IOVA)]).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(unmap(domain, IOVA, 0x40_0000)).toBe(0x40_0000);
    expect(map(domain, IOVA, PA + 0x40_0000n, 0x40_0000)).toBe(0);
    expect(rig.read(IOVA)).toBe('ok');
    expect(unmap(domain, 0x1000n, 0x3000)).toBe(0x3000);
    rig.machine.backend.detach(rig.device().iommu);
    expect(rig.read(IOVA)).toBe('blocked');
    expect(unmap(domain, IOVA, 0x40_0000)).toBe(0x40_0000);
    domain.free();
    expect(rig.check.text()).toBe('');
  });

  it('says who unmapped what a device still uses', () => {
    const rig = new CheckedMachine(backends[vendor]());
    const domain = rig.attached();
    map(domain, IOVA, PA, 0x4000);
    rig.read(IOVA);
    rig.check.operation('free the ring', () => unmap(domain, IOVA, 0x4000));
    rig.read(IOVA + 0x1000n);
    rig.write(IOVA);
    const [finding, ...others] = rig.check.take();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      checker: 'use-after-unmap',
      dma: { iova: IOVA + 0x1000n, pa: undefined },
      call: { name: 'free the ring', site: expect.stringContaining('checkers.test.ts:') },
      map: { range: { start: IOVA }, pa: PA },
      more: 1,
    });
  });

  it('takes a stale translation before the driver is done for what it is', () => {
    const rig = new CheckedMachine(backends[vendor](), { windows: true });
    const domain = rig.attached();
    map(domain, IOVA, PA, 0x4000);
    rig.read(IOVA);
    const gather = unmapOnly(domain, IOVA, 4);
    expect(rig.read(IOVA)).toBe('ok');
    domain.syncUnmap(gather);
    expect(rig.read(IOVA)).toBe('blocked');
    const stale = rig.check.findings.filter(({ checker }) => checker === 'stale-translation');
    expect(stale).toMatchObject([{ severity: 'window', cause: 'pending', uses: [{ iova: IOVA }] }]);
  });
});
