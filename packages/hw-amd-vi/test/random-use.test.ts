import { DmaEngine, hi32, lo32, Prot, RunMapper, type IommuDomain } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AmdViOptions } from '../src/index.js';
import { bareBackend, device } from './bench-machine.js';

const PAGE = 4096n;
/** Where mappings begin: around the ends of 2 MiB and 1 GiB, and where three levels end. */
const BASES = [0n, 0x1f_c000n, 0x20_0000n, 0x3fff_c000n, 0x7f_ffff_c000n];
const RAM = 0x4000_0000n;
const PROTS = [Prot.READ, Prot.WRITE, Prot.READ | Prot.WRITE] as const;

interface Region {
  readonly iova: bigint;
  readonly pages: number;
}

type Step =
  | {
      readonly kind: 'map';
      readonly domain: 0 | 1;
      readonly region: Region;
      readonly pa: number;
      readonly prot: number;
    }
  | { readonly kind: 'unmap'; readonly domain: 0 | 1; readonly which: number }
  | { readonly kind: 'attach'; readonly device: 0 | 1; readonly domain: 0 | 1 }
  | { readonly kind: 'detach'; readonly device: 0 | 1 };

const one = fc.constantFrom(0 as const, 1 as const);
const region = fc.record({
  iova: fc.tuple(fc.constantFrom(...BASES), fc.nat({ max: 5 })).map(([base, page]) => base + BigInt(page) * PAGE),
  pages: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(64, 507, 512)),
});
const pa = fc.oneof(fc.nat({ max: 1024 }), fc.constantFrom(0, 512));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('map' as const),
      domain: one,
      region,
      pa,
      prot: fc.constantFrom(...PROTS),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unmap' as const), domain: one, which: fc.nat({ max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('attach' as const), device: one, domain: one }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('detach' as const), device: one }) },
);

/** A domain, and what it maps: the plainest list there is. */
class Modelled {
  readonly pages = new Map<bigint, { readonly pa: bigint; readonly prot: number }>();
  readonly #regions: Region[] = [];
  readonly #mapper: RunMapper;

  constructor(readonly domain: IommuDomain) {
    this.#mapper = new RunMapper(domain);
  }

  /** Only where nothing is mapped, as core does. */
  map({ iova, pages }: Region, target: bigint, prot: number): void {
    const all = Array.from({ length: pages }, (_, page) => BigInt(page) * PAGE);
    if (all.some((offset) => this.pages.has(iova + offset))) return;
    expect(this.#mapper.map(hi32(iova), lo32(iova), hi32(target), lo32(target), pages * 4096, prot)).toBe(0);
    for (const offset of all) this.pages.set(iova + offset, { pa: target + offset, prot });
    this.#regions.push({ iova, pages });
  }

  /** One of the regions as a whole, as core does. */
  unmap(which: number): void {
    const [gone] = this.#regions.splice(which % Math.max(1, this.#regions.length), 1);
    if (gone === undefined) return;
    const { iova, pages } = gone;
    expect(this.#mapper.unmap(hi32(iova), lo32(iova), pages * 4096)).toBe(pages * 4096);
    for (let page = 0; page < pages; page++) this.pages.delete(iova + BigInt(page) * PAGE);
  }
}

/** Pages that devices touch after every step, so that caches hold them before the next: around the ends of regions. */
const PROBES = [...BASES, 0x3f_f000n, 0x40_0000n, 0x4000_0000n, 0x80_0000_0000n].flatMap((base) =>
  [0n, 1n, 3n, 9n].map((page) => base + page * PAGE),
);

const zen = { preset: 'zen-server' } as const;
const small = { deviceEntries: 1, iotlbEntries: 8, directoryEntries: 4, ways: 2, seed: 9 };
const flavours: readonly (readonly [string, AmdViOptions])[] = [
  ["QEMU's unit", { preset: 'qemu-q35-7.2' }],
  ['a server', zen],
  ['a server below a hypervisor', { ...zen, npCache: true }],
  ['stepped completion', { ...zen, completion: 'stepped' }],
  ['small caches', { ...zen, caches: small }],
  ['guest tables of 5 levels', { ...zen, pageTables: 'v2' }],
  [
    'guest tables of 4 levels, NpCache, small caches',
    { ...zen, pageTables: 'v2', npCache: true, caches: small, efr: 0x0013_00af_0000_88dbn },
  ],
];

describe.each(flavours)('random use of %s', (_, options) => {
  it('never lets a device see anything but what its domain maps now', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 12, maxLength: 30 }), (steps) => {
        const { backend, memory } = bareBackend(options);
        const devices = [device(0x10), device(0x18)] as const;
        for (const dev of devices) expect(backend.addDevice(dev)).toBe(0);
        const domains = devices.map(() => {
          const domain = backend.allocPaging(devices[0], 0, undefined);
          if (typeof domain === 'number') throw new Error(`errno ${domain}`);
          return new Modelled(domain);
        });
        // Every device has a domain at the start: most steps are about that.
        const attached: (Modelled | undefined)[] = [...domains];
        devices.forEach((dev, index) => expect(backend.attach(dev, domains[index]!.domain)).toBe(0));
        const ports = devices.map((dev) => new DmaEngine(backend.unit, memory, dev.requesterId));
        // A page of guest tables that is there can be read.
        const always = options.pageTables === 'v2' ? Prot.READ : 0;
        const probe = (): string[] => {
          const wrong: string[] = [];
          ports.forEach((port, index) => {
            for (const iova of PROBES) {
              const page = attached[index]?.pages.get(iova);
              const prot = page === undefined ? 0 : page.prot | always;
              const readTo = (prot & Prot.READ) === 0 ? undefined : page?.pa;
              const writtenTo = (prot & Prot.WRITE) === 0 ? undefined : page?.pa;
              if (port.read(iova, 1).pieces[0]?.pa !== readTo) wrong.push(`read ${iova.toString(16)}`);
              if (port.write(iova, Uint8Array.of(1)).pieces[0]?.pa !== writtenTo)
                wrong.push(`write ${iova.toString(16)}`);
            }
          });
          return wrong;
        };
        for (const now of steps) {
          if (now.kind === 'map') domains[now.domain]!.map(now.region, RAM + BigInt(now.pa) * PAGE, now.prot);
          else if (now.kind === 'unmap') domains[now.domain]!.unmap(now.which);
          else if (now.kind === 'attach') {
            attached[now.device] = domains[now.domain]!;
            expect(backend.attach(devices[now.device], domains[now.domain]!.domain)).toBe(0);
          } else {
            attached[now.device] = undefined;
            backend.detach(devices[now.device]);
          }
          expect(probe()).toEqual([]);
        }
      }),
      { numRuns: 4, seed: 11 },
    );
  });
});
