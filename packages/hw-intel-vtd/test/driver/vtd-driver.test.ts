import { Errno, join64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdDriver } from '../../src/driver/vtd-driver.js';
import { device, driverBench, ram, REGISTERS } from './driver-bench.js';
import { FakeUnit } from './fake-unit.js';
import { legacyContext } from './second-stage-walk.js';

const DEV = device(0x38);
const ROOT_BIT = 0xfffn;

/** Queued since the last call, as the recordings print them. */
const taken = (fake: FakeUnit): string[] => fake.take().map(([q0]) => `0x${q0.toString(16)}`);

/** Root table as RTADDR says. */
const rootOf = (fake: FakeUnit): bigint => join64(fake.read32(0x24), fake.read32(0x20)) & ~ROOT_BIT;

describe('boot', () => {
  it("writes registers in Linux's order", () => {
    const { fake } = driverBench(REGISTERS.aw39);
    const written = fake.writes.map(([offset, value]) => `${offset.toString(16)}=${value.toString(16)}`);
    expect(written).toEqual([
      // Faults of before; the queue; root table.
      '34=83',
      '88=0',
      '90=10000',
      '18=4000000',
      '20=12000',
      '18=44000000',
      // Context cache, then IOTLB, everything.
      '88=20',
      '88=40',
      // Fault event on the recorded message, unmasked.
      '3c=21',
      '40=fee00000',
      '44=0',
      '38=0',
      '34=83',
      '18=84000000',
    ]);
    expect(taken(fake)).toEqual(['0x11', '0xd2']);
    expect(fake.waits.map(([q0]) => q0)).toEqual([0x2_0000_0025n, 0x2_0000_0025n]);
  });

  it('in scalable mode takes 256-bit descriptors, and drops the PASID cache too', () => {
    const { fake } = driverBench(REGISTERS.scalable);
    expect(taken(fake)).toEqual(['0x11', '0x37', '0xd2']);
    expect(fake.read32(0x20) & 0xfff).toBe(0x400);
    expect(fake.read32(0x90) & 0xfff).toBe(0x801);
  });

  it('stops what firmware left running and keeps interrupt remapping on', () => {
    const { memory, frames } = ram();
    const fake = new FakeUnit(memory, REGISTERS.aw39.cap | (1n << 4n) | (1n << 5n), REGISTERS.aw39.ecap);
    fake.set(0x18, 0xc600_0000n << 32n);
    fake.set(0x60, 0x8000_0000n << 32n);
    const driver = new VtdDriver({ memory, frames, mmio: fake, relax: () => fake.step() });
    expect(driver.faults).toEqual([]);
    const commands = fake.writes.filter(([offset]) => offset === 0x18).map(([, value]) => value.toString(16));
    // TE off, QIE off, QIE on, write buffer, root pointer, write buffer, TE on; IRE (25) stays.
    expect(commands).toEqual(['6000000', '2000000', '6000000', 'e000000', '46000000', 'e000000', '86000000']);
    expect(fake.read32(0x64)).toBe(0);
  });

  it('leaves the caches to hardware that empties them with the root pointer', () => {
    const { fake } = driverBench({ ...REGISTERS.aw39, cap: REGISTERS.aw39.cap | (1n << 63n) });
    expect(taken(fake)).toEqual([]);
  });

  it.each([
    ['queued invalidation', REGISTERS.aw39.cap, REGISTERS.aw39.ecap & ~2n],
    ['second-stage tables', REGISTERS.aw39.cap & ~0x1f00n, REGISTERS.aw39.ecap],
  ])('needs %s', (what, cap, ecap) => {
    expect(() => driverBench({ cap, ecap })).toThrow(what);
  });
});

describe('legacy mode', () => {
  it('writes the context entry as Linux does, and invalidates nothing without caching mode', () => {
    const { memory, fake, driver, domain } = driverBench(REGISTERS.aw39);
    const one = domain();
    driver.addDevice(DEV);
    taken(fake);
    expect(legacyContext(memory, rootOf(fake), 0x38)).toEqual([0n, 0n]);
    expect(driver.attach(DEV, one)).toBe(0);
    // root | P; DID 2, AW 1: three levels.
    expect(legacyContext(memory, rootOf(fake), 0x38)).toEqual([one.root | 1n, 0x201n]);
    expect(taken(fake)).toEqual([]);
  });

  it('clears P, drops context and domain, then zeroes the entry', () => {
    const { memory, fake, driver, domain } = driverBench(REGISTERS.aw39);
    const one = domain();
    driver.addDevice(DEV);
    driver.attach(DEV, one);
    taken(fake);
    const seen: unknown[] = [];
    fake.accepts = () => seen.push(legacyContext(memory, rootOf(fake), 0x38)) > 0;
    driver.detach(DEV);
    expect(taken(fake)).toEqual(['0x3800020031', '0x200e2']);
    expect(seen).toEqual(Array.from({ length: 4 }, () => [one.root, 0x201n]));
    expect(legacyContext(memory, rootOf(fake), 0x38)).toEqual([0n, 0n]);
    driver.detach(DEV);
    expect(taken(fake)).toEqual([]);
  });

  it('with caching mode drops what is cached of the absent entry, under domain 0', () => {
    const { fake, driver, domain } = driverBench(REGISTERS.caching);
    driver.addDevice(DEV);
    taken(fake);
    driver.attach(DEV, domain());
    expect(taken(fake)).toEqual(['0x3800000031', '0x200e2']);
  });

  it('with a write buffer flushes it instead', () => {
    const { fake, driver, domain } = driverBench({ ...REGISTERS.aw39, cap: REGISTERS.aw39.cap | 0x10n });
    driver.addDevice(DEV);
    fake.writes.length = 0;
    driver.attach(DEV, domain());
    expect(fake.writes).toEqual([[0x18, 0x8c00_0000]]);
  });

  it('blocks between two domains, and the new one takes the id that the old one gives back', () => {
    const { memory, fake, driver, domain } = driverBench(REGISTERS.aw39);
    const [one, two] = [domain(), domain()];
    driver.addDevice(DEV);
    driver.attach(DEV, one);
    driver.attach(DEV, two);
    expect(taken(fake).slice(2)).toEqual(['0x3800020031', '0x200e2']);
    expect(legacyContext(memory, rootOf(fake), 0x38)).toEqual([two.root | 1n, 0x201n]);
  });

  it('gives each domain in use the lowest free id, shared by its devices', () => {
    const { memory, fake, driver, domain } = driverBench(REGISTERS.aw39);
    const devices = [0x08, 0x10, 0x18, 0x20].map(device);
    const [one, two, three] = [domain(), domain(), domain()];
    const idOf = (at: number): bigint => legacyContext(memory, rootOf(fake), devices[at]!.requesterId)[1] >> 8n;
    for (const dev of devices) driver.addDevice(dev);
    driver.attach(devices[0]!, one);
    driver.attach(devices[1]!, two);
    driver.attach(devices[2]!, two);
    expect([idOf(0), idOf(1), idOf(2)]).toEqual([2n, 3n, 3n]);
    driver.detach(devices[0]!);
    driver.attach(devices[3]!, three);
    expect(idOf(3)).toBe(2n);
    driver.detach(devices[1]!);
    driver.attach(devices[0]!, one);
    expect(idOf(0)).toBe(4n);
  });

  it('keeps the old domain when no id is left for the new one', () => {
    // ND 0: sixteen ids, two of them reserved.
    const { memory, fake, driver, domain } = driverBench({ ...REGISTERS.aw39, cap: REGISTERS.aw39.cap & ~7n });
    const devices = Array.from({ length: 16 }, (_, index) => device(index * 8));
    for (const dev of devices) driver.addDevice(dev);
    const shared = domain();
    expect(driver.attach(devices[0]!, shared)).toBe(0);
    expect(driver.attach(devices[1]!, shared)).toBe(0);
    for (const dev of devices.slice(2, 15)) expect(driver.attach(dev, domain())).toBe(0);
    expect(driver.attach(devices[15]!, domain())).toBe(Errno.ENOSPC);
    expect(driver.attach(devices[0]!, domain())).toBe(Errno.ENOSPC);
    expect(legacyContext(memory, rootOf(fake), 0)).toEqual([shared.root | 1n, 0x201n]);
  });

  it('asks for the widest tables that the unit walks', () => {
    expect(driverBench(REGISTERS.aw39).driver.traits).toMatchObject({ levels: 3, addressWidth: 39 });
    expect(driverBench(REGISTERS.scalable).driver.traits).toMatchObject({ levels: 4, addressWidth: 48 });
    // SAGAW 4 and 5 levels, but the first stage of scalable mode has only four.
    const cap = (REGISTERS.scalable.cap & ~0x1f00n) | 0xc00n;
    const fourFive = { cap, ecap: REGISTERS.scalable.ecap };
    expect(driverBench(fourFive).driver.traits.levels).toBe(5);
    expect(driverBench({ ...fourFive, ecap: fourFive.ecap | (1n << 47n) }).driver.traits.levels).toBe(4);
    // MGAW narrower than the table.
    const narrow = (REGISTERS.aw39.cap & ~(0x3fn << 16n)) | (35n << 16n);
    expect(driverBench({ cap: narrow, ecap: REGISTERS.aw39.ecap }).driver.traits.addressWidth).toBe(36);
  });
});

describe('scalable mode', () => {
  /** PASID entry of a device, eight words. */
  function pasidEntry({ fake, load }: ReturnType<typeof driverBench>, sourceId: number, pasid = 0): bigint[] {
    const half = (sourceId & 0x80) !== 0 ? 8n : 0n;
    const contexts = load(rootOf(fake) + BigInt(sourceId >> 8) * 16n + half) & ~0xfffn;
    const context = load(contexts + BigInt(sourceId & 0x7f) * 32n);
    const table = load((context & ~0xfffn) + BigInt(pasid >> 6) * 8n) & ~0xfffn;
    return Array.from({ length: 8 }, (_, word) => load(table + BigInt(pasid & 63) * 64n + BigInt(word * 8)));
  }

  it('gives a device a directory of 512 entries, in the upper context table from devfn 0x80 on', () => {
    const bench = driverBench(REGISTERS.scalable);
    const { fake, driver, load } = bench;
    driver.addDevice(device(0xf8));
    const root = rootOf(fake);
    expect(load(root)).toBe(0n);
    const context = (load(root + 8n) & ~0xfffn) + 0x78n * 32n;
    // PDTS 2, P; RID_PASID 0.
    expect([load(context) & 0xfffn, load(context + 8n)]).toEqual([0x401n, 0n]);
    expect(taken(fake).slice(3)).toEqual([]);
  });

  it('with caching mode drops what is cached of the absent context', () => {
    const { fake, driver } = driverBench(REGISTERS.scalableCaching);
    taken(fake);
    driver.addDevice(DEV);
    expect(taken(fake)).toEqual(['0x3800000031', '0xe2']);
  });

  it('writes the PASID entry as Linux does and drops PASID cache and domain at the end', () => {
    const bench = driverBench(REGISTERS.scalable);
    const { fake, driver, domain } = bench;
    const one = domain();
    driver.addDevice(DEV);
    taken(fake);
    driver.attach(DEV, one);
    // P, AW 2, PGTT 2; DID 2; nothing else.
    expect(pasidEntry(bench, 0x38)).toEqual([one.root | 0x89n, 2n, 0n, 0n, 0n, 0n, 0n, 0n]);
    expect(taken(fake)).toEqual([]);
    driver.detach(DEV);
    expect(taken(fake)).toEqual(['0x20017', '0x200e2']);
    expect(pasidEntry(bench, 0x38)).toEqual(Array.from({ length: 8 }, () => 0n));
  });

  it('with caching mode drops PASID cache and PASID IOTLB after the attach, one after the other', () => {
    const { fake, driver, domain } = driverBench(REGISTERS.scalableCaching);
    driver.addDevice(DEV);
    taken(fake);
    const waits = fake.waits.length;
    driver.attach(DEV, domain());
    expect(taken(fake)).toEqual(['0x20017', '0x20026']);
    expect(fake.waits.length - waits).toBe(2);
  });

  it('attaches PASIDs of their own, with their own tags', () => {
    const ecap = REGISTERS.scalable.ecap | (1n << 40n) | (19n << 35n);
    const bench = driverBench({ cap: REGISTERS.scalable.cap, ecap });
    const { fake, driver, domain, load } = bench;
    const [one, two] = [domain(), domain()];
    expect(driver.pasidBits).toBe(15);
    driver.addDevice(DEV);
    driver.attach(DEV, one);
    expect(driver.attach(DEV, two, 0x45)).toBe(0);
    expect(pasidEntry(bench, 0x38, 0x45).slice(0, 2)).toEqual([two.root | 0x89n, 3n]);
    // PASIDE.
    const contexts = load(rootOf(fake)) & ~0xfffn;
    expect(load(contexts + 0x38n * 32n) & 0xfffn).toBe(0x409n);
    taken(fake);
    driver.detach(DEV, 0x45);
    expect(taken(fake)).toEqual(['0x4500030017', '0x300e2']);
    expect(pasidEntry(bench, 0x38)[0]).toBe(one.root | 0x89n);
  });

  it('gives back all tables of a device that goes', () => {
    const { fake, frames, driver, domain } = driverBench(REGISTERS.scalable);
    driver.addDevice(device(0x40));
    const one = domain();
    const before = frames.framesInUse;
    driver.addDevice(DEV);
    driver.attach(DEV, one);
    taken(fake);
    driver.removeDevice(DEV);
    expect(taken(fake)).toEqual(['0x20017', '0x200e2', '0x3800000031']);
    expect(frames.framesInUse).toBe(before);
    expect(driver.addDevice(DEV)).toBe(0);
  });
});

describe('dirty tracking', () => {
  const tracking = { cap: REGISTERS.scalable.cap, ecap: REGISTERS.scalable.ecap | (1n << 45n) | (1n << 48n) };

  it('needs SSADS and snooped walks, in scalable mode', () => {
    expect(driverBench(tracking).driver.traits.hasDirtyTracking).toBe(true);
    expect(driverBench({ ...tracking, ecap: tracking.ecap & ~(1n << 48n) }).driver.traits.hasDirtyTracking).toBe(false);
    expect(driverBench({ ...tracking, ecap: tracking.ecap & ~(1n << 43n) }).driver.traits.hasDirtyTracking).toBe(false);
  });

  it('sets SSADE of every device of the domain, each followed by PASID cache and domain', () => {
    const { fake, driver, domain } = driverBench(tracking);
    const one = domain({ isTracked: true });
    const devices = [device(0x08), device(0x10)];
    for (const dev of devices) {
      driver.addDevice(dev);
      driver.attach(dev, one);
    }
    taken(fake);
    expect(one.dirty?.setTracking(true)).toBe(0);
    expect(taken(fake)).toEqual(['0x20017', '0x200e2', '0x20017', '0x200e2']);
    expect(one.dirty?.setTracking(true)).toBe(0);
    expect(taken(fake)).toEqual([]);
  });

  it('is refused for a unit without it, and for PASIDs', () => {
    const { driver, domain } = driverBench(tracking);
    const one = domain({ isTracked: true });
    driver.addDevice(DEV);
    expect(driver.attach(DEV, one, 5)).toBe(Errno.EINVAL);
    const other = driverBench(REGISTERS.scalable);
    other.driver.addDevice(DEV);
    expect(other.driver.attach(DEV, one)).toBe(Errno.EINVAL);
  });
});
