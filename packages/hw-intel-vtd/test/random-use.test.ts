import { DmaEngine, hi32, lo32, Prot, RunMapper, type IommuDomain } from '@ioasis/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VtdOptions } from '../src/index.js';
import { bareBackend, device, domainOf } from './bench-machine.js';

/** Where mappings begin: around the ends of 2 MiB and 1 GiB, so that tables come and go. */
const BASES = [0n, 0x1f_c000n, 0x20_0000n, 0x3fff_c000n];
const RAM = 0x4000_0000n;
const DEVICES = 2;
const DOMAINS = 2;
const PAGE = 4096n;

interface Region {
  readonly iova: bigint;
  readonly pages: number;
}

type Step =
  | {
      readonly kind: 'map';
      readonly domain: number;
      readonly region: Region;
      readonly pa: number;
      readonly writable: boolean;
    }
  | { readonly kind: 'unmap'; readonly domain: number; readonly which: number }
  | { readonly kind: 'attach'; readonly device: number; readonly domain: number }
  | { readonly kind: 'detach'; readonly device: number };

const region: fc.Arbitrary<Region> = fc.record({
  iova: fc.tuple(fc.constantFrom(...BASES), fc.nat({ max: 5 })).map(([base, page]) => base + BigInt(page) * PAGE),
  pages: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constantFrom(507, 512, 516)),
});
const pa = fc.oneof(fc.nat({ max: 1024 }), fc.constantFrom(0, 512));
const onDomain = fc.nat({ max: DOMAINS - 1 });
const onDevice = fc.nat({ max: DEVICES - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('map'), domain: onDomain, region, pa, writable: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unmap'), domain: onDomain, which: fc.nat({ max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('attach'), device: onDevice, domain: onDomain }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('detach'), device: onDevice }) },
) as fc.Arbitrary<Step>;

/** A domain, and what it maps: the plainest list there is. */
class Modelled {
  readonly pages = new Map<bigint, { readonly pa: bigint; readonly writable: boolean }>();
  readonly regions: Region[] = [];
  readonly #mapper: RunMapper;

  constructor(readonly domain: IommuDomain) {
    this.#mapper = new RunMapper(domain);
  }

  /** Only where nothing is mapped, as core does. */
  map({ iova, pages }: Region, target: bigint, writable: boolean): void {
    const all = Array.from({ length: pages }, (_, page) => BigInt(page) * PAGE);
    if (all.some((offset) => this.pages.has(iova + offset))) return;
    const prot = writable ? Prot.READ | Prot.WRITE : Prot.READ;
    expect(this.#mapper.map(hi32(iova), lo32(iova), hi32(target), lo32(target), pages * 4096, prot)).toBe(0);
    for (const offset of all) this.pages.set(iova + offset, { pa: target + offset, writable });
    this.regions.push({ iova, pages });
  }

  /** One of the regions as a whole, as core does. */
  unmap(which: number): void {
    const [gone] = this.regions.splice(which % Math.max(1, this.regions.length), 1);
    if (gone === undefined) return;
    const { iova, pages } = gone;
    expect(this.#mapper.unmap(hi32(iova), lo32(iova), pages * 4096)).toBe(pages * 4096);
    for (let page = 0; page < pages; page++) this.pages.delete(iova + BigInt(page) * PAGE);
  }
}

/** Pages that devices touch after every step, so that caches hold them before the next: around the ends of regions. */
const PROBES = [...BASES, 0x3f_f000n, 0x40_0000n, 0x4000_0000n, 0x401f_c000n].flatMap((base) =>
  [0n, 1n, 3n, 6n].map((page) => base + page * PAGE),
);

const flavours: [string, VtdOptions, 'snooped' | 'not-snooped'][] = [
  ['caching mode', { preset: 'qemu-q35-48bit' }, 'snooped'],
  ['no caching mode', { preset: 'qemu-q35-39bit', cachingMode: false }, 'snooped'],
  ['scalable mode', { preset: 'qemu-q35-48bit-scalable' }, 'snooped'],
  ['a real server', { preset: 'xeon-sapphire-rapids' }, 'snooped'],
  ['stepped completion', { preset: 'qemu-q35-48bit', completion: 'stepped' }, 'snooped'],
  ['a write buffer', { preset: 'qemu-q35-48bit', cachingMode: false, writeBufferFlush: true }, 'snooped'],
  ['walks that do not snoop', { preset: 'qemu-q35-48bit', coherent: false, cachingMode: false }, 'not-snooped'],
  ['scalable walks that do not snoop', { preset: 'xeon-sapphire-rapids', coherent: false }, 'not-snooped'],
];

describe.each(flavours)('random use of a unit with %s', (_, options, cpuCache) => {
  it('never lets a device see anything but what its domain maps now', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 12, maxLength: 30 }), (steps) => {
        const { backend, memory } = bareBackend(options, cpuCache);
        const devices = Array.from({ length: DEVICES }, (__, index) => device(0x10 + index * 8));
        for (const dev of devices) expect(backend.addDevice(dev)).toBe(0);
        const alloc = (): Modelled => new Modelled(domainOf(backend.allocPaging(devices[0]!, 0, undefined)));
        const domains = Array.from({ length: DOMAINS }, alloc);
        // Every device has a domain at the start: most steps are about that.
        const attached: (Modelled | undefined)[] = devices.map((__, index) => domains[index]);
        devices.forEach((dev, index) => expect(backend.attach(dev, domains[index]!.domain)).toBe(0));
        const ports = devices.map((dev) => new DmaEngine(backend.unit, memory, dev.requesterId));
        const probe = (): void => {
          ports.forEach((port, index) => {
            for (const iova of PROBES) {
              const page = attached[index]?.pages.get(iova);
              expect(port.read(iova, 1).pieces[0]?.pa).toBe(page?.pa);
              expect(port.write(iova, Uint8Array.of(1)).status).toBe(page?.writable === true ? 'ok' : 'blocked');
            }
          });
        };
        for (const now of steps) {
          if (now.kind === 'map') {
            domains[now.domain]!.map(now.region, RAM + BigInt(now.pa) * PAGE, now.writable);
          } else if (now.kind === 'unmap') domains[now.domain]!.unmap(now.which);
          else if (now.kind === 'attach') {
            attached[now.device] = domains[now.domain]!;
            expect(backend.attach(devices[now.device]!, domains[now.domain]!.domain)).toBe(0);
          } else {
            attached[now.device] = undefined;
            backend.detach(devices[now.device]!);
          }
          probe();
        }
      }),
      { numRuns: 5, seed: 5 },
    );
  });
});
