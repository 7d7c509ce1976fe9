import { hi32, lo32, Prot, RunMapper, type IommuDomain } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../src/index.js';
import { bareBackend, device, domainOf, portOf } from './bench-machine.js';

/*
 * Two domains and three devices, used at random through the backend as core uses it. After every step each device asks for pages around
 * all borders: it sees what its domain maps now, and nothing else.
 */

const { server } = SMMU_V3_PRESETS;
const PAGE = 4096n;
const RAM = 0x4000_0000n;
/** Around the ends of 2 MiB and 1 GiB, so that tables and blocks come and go. */
const STARTS = [0n, 0x1f_d000n, 0x20_0000n, 0x3fff_d000n, 0x4000_0000n];
const PROBES = [...STARTS, 0x3f_f000n, 0x40_0000n].flatMap((start) =>
  [0n, 2n, 3n, 5n].map((page) => start + page * PAGE),
);
const STREAMS = [0x08, 0x10, 0x100];
const RIGHTS = [Prot.READ, Prot.READ | Prot.WRITE];

interface Step {
  readonly act: 'map' | 'unmap' | 'attach' | 'detach';
  readonly domain: number;
  readonly device: number;
  readonly start: number;
  readonly pages: number;
  readonly target: number;
  readonly rights: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom('map', 'map', 'map', 'unmap', 'unmap', 'attach', 'detach'),
  domain: fc.nat(1),
  device: fc.nat(STREAMS.length - 1),
  start: fc.nat(STARTS.length - 1),
  pages: fc.constantFrom(1, 2, 5, 512, 515),
  target: fc.constantFrom(0, 1, 512),
  rights: fc.nat(1),
});

/** What a domain maps, by IOVA of the page. */
type Pages = Map<bigint, { readonly pa: bigint; readonly rights: number; readonly region: number }>;

/** @returns frames that are in use at the end and were not at the start */
function use(options: SmmuV3Options, hasCacheLines: boolean, steps: readonly Step[]): number {
  const at = bareBackend(options, { hasCacheLines });
  const { backend } = at;
  const devices = STREAMS.map((stream) => device(stream));
  for (const dev of devices) expect(backend.addDevice(dev)).toBe(0);
  const before = at.tableFrames.framesInUse;
  const domains = [0, 1].map((): IommuDomain => domainOf(backend.allocPaging(devices[0]!, 0, undefined)));
  const mappers = domains.map((domain) => new RunMapper(domain));
  const mapped: Pages[] = [new Map(), new Map()];
  const attached: (number | undefined)[] = [0, 1, undefined];
  devices.forEach((dev, index) => index < 2 && expect(backend.attach(dev, domains[index]!)).toBe(0));
  const ports = devices.map((dev) => portOf(at, dev));

  const act = ({ act: kind, domain, device: index, start, pages, target, rights }: Step, region: number): void => {
    const iova = STARTS[start]!;
    const held = mapped[domain]!;
    const all = Array.from({ length: pages }, (_, page) => BigInt(page) * PAGE);
    if (kind === 'map') {
      // Only where nothing is mapped, as core does.
      if (all.some((offset) => held.has(iova + offset))) return;
      const pa = RAM + BigInt(target) * PAGE;
      const prot = RIGHTS[rights]! | Prot.CACHE;
      expect(mappers[domain]!.map(hi32(iova), lo32(iova), hi32(pa), lo32(pa), pages * 4096, prot)).toBe(0);
      for (const offset of all) held.set(iova + offset, { pa: pa + offset, rights: RIGHTS[rights]!, region });
    } else if (kind === 'unmap') {
      // A region as a whole: the one that holds the page.
      const found = held.get(iova)?.region;
      const whole = [...held].filter(([, page]) => page.region === found).map(([address]) => address);
      if (found === undefined) return;
      const first = whole[0]!;
      expect(mappers[domain]!.unmap(hi32(first), lo32(first), whole.length * 4096)).toBe(whole.length * 4096);
      for (const address of whole) held.delete(address);
    } else if (kind === 'attach') {
      attached[index] = domain;
      expect(backend.attach(devices[index]!, domains[domain]!)).toBe(0);
    } else {
      attached[index] = undefined;
      backend.detach(devices[index]!);
    }
  };

  steps.forEach((now, region) => {
    act(now, region);
    ports.forEach((port, index) => {
      const domain = attached[index];
      for (const iova of PROBES) {
        const page = domain === undefined ? undefined : mapped[domain]!.get(iova);
        expect(port.read(iova, 1).pieces[0]?.pa).toBe(page?.pa);
        const isWritable = page !== undefined && (page.rights & Prot.WRITE) !== 0;
        expect(port.write(iova, Uint8Array.of(1)).status).toBe(isWritable ? 'ok' : 'blocked');
      }
    });
  });
  expect(backend.commandErrors).toEqual([]);

  for (const dev of devices) backend.removeDevice(dev);
  for (const domain of domains) domain.free();
  return at.tableFrames.framesInUse - before;
}

const flavours: [name: string, options: SmmuV3Options, hasCacheLines?: boolean][] = [
  ["QEMU's unit", {}],
  ['a server', { preset: 'server' }],
  ['a server that walks every time', { preset: 'server', caches: false }],
  [
    'small caches',
    { preset: 'server', caches: { tlbEntries: 8, walkEntries: 4, contextEntries: 1, streamEntries: 1, ways: 1 } },
  ],
  ['stage 2 domains', { preset: 'server', domainStage: 2 }],
  ['stage 2 domains of concatenated tables', { preset: 'server', domainStage: 2, idr5: (server.idr5 & ~7) | 3 }],
  ['invalidation page by page', { preset: 'server', idr3: server.idr3 & ~0x400 }],
  ['commands that wait', { preset: 'server', completion: 'stepped' }],
  ['conflicts reported', { preset: 'server', idr3: server.idr3 & ~0x1800 }],
  ['walks that do not snoop', { preset: 'server', idr0: server.idr0 & ~0x10 }, true],
  ['stage 2 walks that do not snoop', { preset: 'server', domainStage: 2, idr0: server.idr0 & ~0x10 }, true],
  ['a linear stream table', { preset: 'server', idr0: server.idr0 & ~(3 << 27), idr1: (server.idr1 & ~0x3f) | 9 }],
];

describe('random use', () => {
  it.each(flavours)(
    'of %s shows a device what its domain maps now, and nothing else',
    (_, options, hasCacheLines = false) => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 8, maxLength: 16 }), (steps) => {
          expect(use(options, hasCacheLines, steps)).toBe(0);
        }),
        { numRuns: 3, seed: 12 },
      );
    },
  );
});
