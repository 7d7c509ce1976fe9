import { describe, expect, it } from 'vitest';
import { CacheLines, hi32, lo32, type BackendDefinition } from '@ioasis/core';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { FaultyMachine } from './faulty-machine.js';
import { backends, IOVA, map, PA, RW, unmap, unmapOnly, type Vendor } from './machines.js';

const lintOf = (vendor: Vendor, backend: BackendDefinition = backends[vendor]()): FaultyMachine =>
  new FaultyMachine(vendor, backend, ['table-lint']);

describe.each(Object.keys(backends) as Vendor[])('%s', (vendor) => {
  it('a mapped page that a walk refuses: reserved bits set behind the driver', () => {
    const rig = lintOf(vendor);
    const domain = rig.attached();
    rig.check.operation('map', () => {
      domain.mapPages(hi32(IOVA), lo32(IOVA), hi32(PA), lo32(PA), 12, 1, RW);
      const leaf = rig.unit.explain(8, -1, IOVA, 1).steps.at(-1)!;
      // Address bits above every unit's width, or an invalid type.
      const bad = vendor === 'arm-smmuv3' ? leaf.words[0]! & ~2n : leaf.words[0]! | (0x7n << 49n);
      rig.machine.memory.store64(hi32(leaf.address), lo32(leaf.address), hi32(bad), lo32(bad));
      domain.syncMap(hi32(IOVA), lo32(IOVA), hi32(IOVA), lo32(IOVA) + 0xfff);
    });
    const [finding] = rig.check.findings;
    expect(finding).toMatchObject({ problem: 'wrong-walk', call: { name: 'map' } });
    expect(rig.check.text()).toMatch(/was mapped to 0x12300000, and a walk of 0x40000000 gives/);
  });

  it('an unmapped page that a walk still finds', () => {
    const rig = lintOf(vendor);
    const domain = rig.attached();
    map(domain, IOVA, PA, 0x1000);
    const leaf = rig.unit.explain(8, -1, IOVA, 1).steps.at(-1)!;
    const gather = unmapOnly(domain, IOVA, 1);
    rig.machine.memory.store64(hi32(leaf.address), lo32(leaf.address), hi32(leaf.words[0]!), lo32(leaf.words[0]!));
    domain.syncUnmap(gather);
    expect(rig.check.text()).toContain(
      '[0x40000000, 0x40000fff] was unmapped, and a walk of 0x40000000 gives 0x12300000',
    );
  });

  it('a table that is given back while a cache leads to it', () => {
    const rig = lintOf(vendor);
    const domain = rig.attached();
    for (let page = 0n; page < 4n; page++) map(domain, IOVA + page * 0x1000n, PA + page * 0x5000n, 0x1000);
    rig.read(IOVA);
    const table = rig.unit.explain(8, -1, IOVA, 1).steps.at(-1)!.address & ~0xfffn;
    rig.forgetTlb();
    unmap(domain, IOVA, 0x4000);
    map(domain, IOVA, 0x1240_0000n, 0x20_0000);
    expect(rig.check.findings).toMatchObject([
      { problem: 'freed-table', address: table, entry: { fill: { cache: 'paging-structure', pa: table } } },
    ]);
  });
});

it('a context entry that leads astray between two stores', () => {
  const rig = lintOf('intel-vtd');
  const domain = rig.attached();
  map(domain, 0n, PA, 0x1000);
  rig.read(0n);
  const { memory } = rig.machine;
  const store = (at: bigint, word: bigint): boolean => memory.store64(hi32(at), lo32(at), hi32(word), lo32(word));
  // Tables of three levels at 2 MiB, 2 MiB + 0x1000 and so on; the page at 3 MiB holds what looks like an entry.
  [0x20_1003n, 0x20_2003n, 0x30_0003n, 0x66_6003n].forEach((word, index) =>
    store(index === 3 ? 0x30_0000n : 0x20_0000n + BigInt(index) * 0x1000n, word),
  );
  const context = rig.unit.explain(8, -1, 0n, 1).steps.find(({ what }) => /context/i.test(what))!;
  rig.check.operation('retarget', () => {
    // Root first, while AW [66:64] still says four levels: the page is taken for a table.
    store(context.address, 0x20_0001n);
    store(context.address + 8n, (context.words[1]! & ~7n) | 1n);
  });
  expect(rig.check.findings).toMatchObject([{ problem: 'torn', call: { name: 'retarget' } }]);
  expect(rig.check.text()).toContain('0x0 of requester 0x8 led to 0x666000, before to 0x12300000, after to 0x300000');
});

describe.each<[Vendor, BackendDefinition]>([
  ['intel-vtd', intelVtd({ preset: 'full', coherent: false })],
  // IDR0.COHACC [4] clear.
  ['arm-smmuv3', armSmmuv3({ preset: 'server', idr0: 0x084d_369b & ~0x10 })],
])('%s without snooped walks', (vendor, backend) => {
  /** The machine's CPU keeps what it writes until it flushes. */
  const withCaches = (): FaultyMachine => {
    const rig = lintOf(vendor, {
      ...backend,
      create(environment) {
        if (environment.memory.lineCache === null) new CacheLines(environment.memory).install();
        return backend.create(environment);
      },
    });
    return rig;
  };

  it('says nothing of a driver that flushes', () => {
    const rig = withCaches();
    const domain = rig.attached();
    map(domain, IOVA, PA, 0x3000);
    unmap(domain, IOVA, 0x1000);
    expect(rig.check.text()).toBe('');
  });

  it('finds the line that was not flushed', () => {
    const rig = withCaches();
    const domain = rig.attached();
    map(domain, IOVA - 0x1000n, PA, 0x1000);
    rig.machine.memory.lineCache!.flush = () => undefined;
    map(domain, IOVA, PA, 0x1000);
    expect(rig.check.findings[0]).toMatchObject({ problem: 'unflushed' });
    expect(rig.check.text()).toMatch(
      /was written and its cache line was not flushed: domain 1: \[0x40000000, 0x40000fff\]/,
    );
  });
});
