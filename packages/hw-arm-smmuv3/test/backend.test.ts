import { Errno, hi32, HwptFlag, lo32, Prot, write64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { armSmmuv3, CommandQueueStalled, SMMU_V3_PRESETS, SmmuV3Backend, type SmmuV3Options } from '../src/index.js';
import {
  attached,
  bareBackend,
  device,
  domainOf,
  map,
  opcodeOf,
  portOf,
  QueuedCommands,
  register64,
  tlbiOf,
  unmap,
  wordsOf,
} from './bench-machine.js';

const IOVA = 0x12_3456_7000n;
const PA = 0x1_2000_0000n;
const RW = Prot.READ | Prot.WRITE | Prot.CACHE;

const { idr0, idr3 } = SMMU_V3_PRESETS['qemu-virt-7.2'];
const server = SMMU_V3_PRESETS.server;
const COHACC = 1 << 4;
const ASID16 = 1 << 12;
const RIL = 1 << 10;

const SYNC = 0x46;

describe('an SMMUv3 with its driver', () => {
  it.each([
    { caches: true },
    { caches: false },
    { preset: 'server' },
    { completion: 'stepped' },
    { idr3: idr3 & ~RIL },
    // A linear stream table: 2^8 streams.
    { idr0: idr0 & ~(3 << 27), idr1: 0x0273_0008 },
  ] as const)('moves bytes through a mapping and refuses them after the unmap (%o)', (options) => {
    const { memory, domain, port, backend } = attached(options);
    expect(map(domain, IOVA, PA, 12, 2, RW)).toBe(0);
    expect(port.write(IOVA + 0xffen, Uint8Array.of(1, 2, 3, 4)).status).toBe('ok');
    const bytes = new Uint8Array(4);
    memory.read(PA + 0xffen, bytes);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
    expect([...port.read(IOVA + 0xffen, 4).data]).toEqual([1, 2, 3, 4]);
    expect(backend.events).toEqual([]);

    expect(unmap(domain, IOVA, 12, 2)).toBe(8192);
    const outcome = port.read(IOVA, 4);
    expect(outcome.status).toBe('blocked');
    expect(outcome.pieces[0]?.fault).toMatchObject({ vendor: 'arm-smmuv3', name: 'F_TRANSLATION' });
    // F_TRANSLATION by StreamID 0x10: a read (bit 35), class IN (bits 41:40), at the input address.
    expect(backend.events.map(({ lines }) => lines)).toEqual([
      [
        'event 0x10 received:',
        '\t0x0000001000000010',
        '\t0x0000020800000000',
        '\t0x0000001234567000',
        '\t0x0000000000000000',
      ],
    ]);
  });

  it('keeps read-only mappings read-only; write-only ones can be read', () => {
    const { domain, port, backend } = attached();
    expect(map(domain, IOVA, PA, 12, 1, Prot.READ)).toBe(0);
    expect(map(domain, IOVA + 0x1000n, PA, 12, 1, Prot.WRITE)).toBe(0);
    expect(port.read(IOVA, 4).status).toBe('ok');
    expect(port.write(IOVA, Uint8Array.of(1)).pieces[0]?.fault).toMatchObject({ name: 'F_PERMISSION' });
    expect(backend.events.at(-1)?.name).toBe('F_PERMISSION');
    expect(port.write(IOVA + 0x1000n, Uint8Array.of(9)).status).toBe('ok');
    expect([...port.read(IOVA + 0x1000n, 1).data]).toEqual([9]);
  });

  it('refuses a page over a page, a mapping without rights, and what is outside of the aperture', () => {
    const { domain, port } = attached();
    expect(map(domain, IOVA, PA, 12, 1, RW)).toBe(0);
    expect(map(domain, IOVA, PA + 0x1000n, 12, 1, RW)).toBe(Errno.EEXIST);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
    expect(map(domain, 0n, PA, 12, 1, Prot.CACHE)).toBe(Errno.EINVAL);
    expect(domain.aperture).toEqual({ start: 0n, last: 0xffff_ffff_ffffn });
  });

  it('answers ENOMEM for a device, a domain and an attachment without memory, and leaks nothing', () => {
    const at = bareBackend();
    const { backend, limit, tableFrames } = at;
    const start = tableFrames.framesInUse;
    limit.left = 0;
    expect(backend.addDevice(device(0x10))).toBe(Errno.ENOMEM);
    limit.left = 1;
    expect(backend.addDevice(device(0x10))).toBe(0);
    const withDevice = tableFrames.framesInUse;
    expect(withDevice - start).toBe(4);
    limit.left = 0;
    expect(backend.allocPaging(device(0x10), 0, undefined)).toBe(Errno.ENOMEM);
    limit.left = 1;
    const domain = domainOf(backend.allocPaging(device(0x10), 0, undefined));
    expect(backend.attach(device(0x10), domain)).toBe(Errno.ENOMEM);
    expect(portOf(at, device(0x10)).read(0n, 4).status).toBe('blocked');
    limit.left = Number.POSITIVE_INFINITY;
    expect(backend.attach(device(0x10), domain)).toBe(0);
    map(domain, IOVA, PA, 12, 1, RW);
    backend.detach(device(0x10));
    backend.removeDevice(device(0x10));
    domain.free();
    expect(tableFrames.framesInUse).toBe(withDevice);
  });

  it('has no room for a StreamID beyond the table', () => {
    const { backend } = bareBackend({ idr1: 0x0273_0008 });
    expect(backend.addDevice(device(0xff))).toBe(0);
    expect(backend.addDevice(device(0x100))).toBe(Errno.ERANGE);
    expect(bareBackend().backend.addDevice(device(0x1_0000))).toBe(Errno.ERANGE);
  });

  it('has 255 address spaces without ASID16, and gives an ASID out again', () => {
    const { backend } = bareBackend({ idr0: idr0 & ~ASID16 });
    const domains = Array.from({ length: 255 }, () => domainOf(backend.allocPaging(device(0x10), 0, undefined)));
    expect(backend.allocPaging(device(0x10), 0, undefined)).toBe(Errno.EBUSY);
    domains[100]?.free();
    domainOf(backend.allocPaging(device(0x10), 0, undefined));
    expect(backend.allocPaging(device(0x10), 0, undefined)).toBe(Errno.EBUSY);
  });

  it('refuses to boot a unit without the granule of the kernel, or without stage 1', () => {
    expect(() => bareBackend({}, { pageSize: 16_384 })).not.toThrow();
    expect(() => bareBackend({ idr5: 0x14 }, { pageSize: 65_536 })).toThrow('IDR5.GRAN64K');
    expect(() => bareBackend({ idr0: idr0 & ~2 })).toThrow('IDR0.S1P');
  });

  it('moves an attached device to another domain', () => {
    const { backend, dev, domain, port, memory } = attached({ preset: 'server' });
    const other = domainOf(backend.allocPaging(dev, 0, undefined));
    map(domain, IOVA, PA, 12, 1, RW);
    map(domain, IOVA + 0x1000n, PA, 12, 1, RW);
    map(other, IOVA, PA + 0x5000n, 12, 1, RW);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
    expect(port.read(IOVA + 0x1000n, 1).status).toBe('ok');
    const queue = new QueuedCommands(backend.unit, memory);
    expect(backend.attach(dev, other)).toBe(0);
    // ASID and TTB0 are two words: invalid, the rest, valid again. The stream's entry stays, and is prefetched.
    expect(queue.take().map(opcodeOf)).toEqual([0x05, SYNC, 0x05, SYNC, 0x05, SYNC, 0x01]);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA + 0x5000n);
    expect(port.read(IOVA + 0x1000n, 1).status).toBe('blocked');
    // The old domain's entries die with it.
    domain.free();
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA + 0x5000n);
  });

  it('blocks a detached device, without an event, and takes it back', () => {
    const { backend, dev, domain, port } = attached();
    map(domain, IOVA, PA, 12, 1, RW);
    expect(port.read(IOVA, 1).status).toBe('ok');
    backend.detach(dev);
    expect(port.read(IOVA, 1).pieces[0]?.fault).toMatchObject({ name: 'ABORT' });
    expect(backend.events).toEqual([]);
    backend.detach(dev);
    expect(backend.attach(dev, domain)).toBe(0);
    expect(port.read(IOVA, 1).status).toBe('ok');
  });

  it('names a range with few commands where it can, and every page where it cannot', () => {
    const run = (options: SmmuV3Options) => {
      const { domain, backend, port, memory } = attached(options);
      map(domain, IOVA, PA, 12, 100, RW);
      for (let page = 0n; page < 100n; page++) port.read(IOVA + page * 4096n, 1);
      const queue = new QueuedCommands(backend.unit, memory);
      const hits = backend.unit.counters.invalidatedEntries;
      expect(unmap(domain, IOVA, 12, 100)).toBe(100 * 4096);
      for (let page = 0n; page < 100n; page++) expect(port.read(IOVA + page * 4096n, 1).status).toBe('blocked');
      return { commands: queue.take(), dropped: backend.unit.counters.invalidatedEntries - hits };
    };
    const ranged = run({});
    // 100 = 25 * 4.
    expect(tlbiOf(ranged.commands)).toEqual([{ address: IOVA, leaf: true, ttl: 3, tg: 1, num: 24, scale: 2 }]);
    const paged = run({ idr3: idr3 & ~RIL });
    expect(tlbiOf(paged.commands)).toEqual(
      Array.from({ length: 100 }, (_, page) => ({
        address: IOVA + BigInt(page * 4096),
        leaf: true,
        ttl: 0,
        tg: 0,
        num: 0,
        scale: 0,
      })),
    );
    expect(paged.commands.filter((command) => opcodeOf(command) === SYNC)).toHaveLength(1);
    expect(paged.dropped).toBe(ranged.dropped);
  });

  it('waits for a unit that takes its time, also when more commands come than the queue holds', () => {
    const { domain, port } = attached({ completion: 'stepped', idr3: idr3 & ~RIL });
    map(domain, 0n, PA, 12, 600, RW);
    expect(port.read(599n * 4096n, 1).status).toBe('ok');
    expect(unmap(domain, 0n, 12, 600)).toBe(600 * 4096);
    expect(port.read(599n * 4096n, 1).status).toBe('blocked');
  });

  it('puts a CMD_SYNC in the place of an illegal command, as Linux does, and logs it', () => {
    const { domain, backend, memory, port } = attached({ completion: 'stepped' });
    map(domain, IOVA, PA, 12, 1, RW);
    expect(port.read(IOVA, 1).status).toBe('ok');
    // Somebody scribbles over the slot that comes next, between the driver's store and the unit's fetch.
    const base = BigInt(backend.unit.read32(0x90) & ~0x1f);
    const prod = backend.unit.read32(0x98);
    const slot = BigInt(prod & 0xff);
    memory.addObserver({
      beforeWrite: (_hi, lo) => {
        if (BigInt(lo) === base + (slot + 1n) * 16n) memory.bytes[Number(base + slot * 16n)] = 0xee;
      },
    });
    expect(unmap(domain, IOVA, 12, 1)).toBe(4096);
    expect(backend.unit.read32(0x60)).toBe(backend.unit.read32(0x64));
    expect(backend.commandErrors).toEqual([
      `CMDQ error (cons 0x${((1 << 24) | prod).toString(16).padStart(8, '0')}): Illegal command`,
      'skipping command in error state:',
      '\t0x00010000000000ee',
      '\t0x0000001234567701',
    ]);
    expect(wordsOf(memory)(base + slot * 16n) & 0xffn).toBe(0x46n);
    // The invalidation is lost with the command.
    expect(port.read(IOVA, 1).status).toBe('ok');
    expect(unmap(domain, IOVA, 12, 1)).toBe(0);
    domain.flushAll();
    expect(port.read(IOVA, 1).status).toBe('blocked');
  });

  it('gives up a queue that does not go on, and says where', () => {
    const { domain, backend } = attached({ completion: 'stepped' });
    map(domain, IOVA, PA, 12, 1, RW);
    // Somebody switches the queue off, or its memory is gone and every fetch aborts.
    backend.unit.write32(0x20, 0);
    expect(() => unmap(domain, IOVA, 12, 1)).toThrow(CommandQueueStalled);
    expect(backend.commandErrors).toEqual([]);
    write64(backend.unit, 0x90, 0x9_0000_0008n);
    backend.unit.write32(0x20, 0xd);
    expect(() => domain.flushAll()).toThrow('errno 110');
    expect(backend.commandErrors.slice(0, 2)).toEqual([
      expect.stringMatching(/^CMDQ error \(cons 0x02.*\): Abort on command fetch$/),
      'retrying command fetch',
    ]);
  });

  it('writes tables, entries and commands back for a unit that does not snoop', () => {
    const { domain, port, lines, backend, dev } = attached(
      { preset: 'server', idr0: server.idr0 & ~COHACC },
      { hasCacheLines: true },
    );
    expect(lines.staleLines).toBe(0);
    map(domain, IOVA, PA, 12, 3, RW);
    map(domain, 1n << 30n, 1n << 32n, 30, 1, RW);
    expect(lines.staleLines).toBe(0);
    expect(port.read(IOVA + 0x2000n, 1).pieces[0]?.pa).toBe(PA + 0x2000n);
    expect(unmap(domain, (1n << 30n) + 0x1000n, 12, 1)).toBe(4096);
    expect(unmap(domain, IOVA, 12, 1)).toBe(4096);
    expect(lines.staleLines).toBe(0);
    expect(port.read(IOVA, 1).status).toBe('blocked');
    expect(port.read((1n << 30n) + 0x1000n, 1).status).toBe('blocked');
    expect(port.read(1n << 30n, 1).status).toBe('ok');
    expect(backend.capabilitiesOf()).toMatchObject({ cacheCoherency: false, dirtyTracking: false });
    expect(backend.allocPaging(dev, HwptFlag.DIRTY_TRACKING, undefined)).toBe(Errno.EOPNOTSUPP);
    backend.detach(dev);
    expect(lines.staleLines).toBe(0);
    expect(port.read(IOVA + 0x2000n, 1).status).toBe('blocked');
  });

  it('meets what was there before a store, until the line is written back, on a unit that does not snoop', () => {
    const options = { preset: 'server', idr0: server.idr0 & ~COHACC, caches: false } as const;
    const { domain, port, lines, backend, memory } = attached(options, { hasCacheLines: true });
    map(domain, IOVA, PA, 12, 1, RW);
    const places = [wordsOf(memory)(register64(backend.unit, 0x80) & 0x000f_ffff_ffff_ffc0n) & ~0x3fn];
    places[0]! += 0x10n * 64n;
    // The stream's entry, its context descriptor and the root's only entry, IOVA below 512 GiB.
    places.push(wordsOf(memory)(places[0]!) & 0x000f_ffff_ffff_ffc0n);
    places.push(wordsOf(memory)(places[1]! + 8n) & 0x000f_ffff_ffff_f000n);
    for (const place of places) {
      const kept = wordsOf(memory)(place);
      memory.store64(hi32(place), lo32(place), 0, 0);
      expect(port.read(IOVA, 1).status).toBe('ok');
      lines.flush(hi32(place), lo32(place), 8);
      expect(port.read(IOVA, 1).status).toBe('blocked');
      memory.store64(hi32(place), lo32(place), hi32(kept), lo32(kept));
      expect(port.read(IOVA, 1).status).toBe('blocked');
      lines.flush(hi32(place), lo32(place), 8);
      expect(port.read(IOVA, 1).status).toBe('ok');
    }
  });

  it('has no substreams, nesting or foreign domains, and says what it has', () => {
    const { backend, dev, domain } = attached();
    expect(backend.capabilitiesOf()).toEqual({
      cacheCoherency: true,
      enforceCacheCoherency: false,
      dirtyTracking: false,
      msiIsolated: true,
      maxPasidLog2: 0,
    });
    expect(backend.attach(dev, domain, 1)).toBe(Errno.EOPNOTSUPP);
    expect(backend.allocPaging(dev, HwptFlag.NEST_PARENT, undefined)).toBe(Errno.EOPNOTSUPP);
    expect(domain.enforceCacheCoherency()).toBe(false);
    expect(backend.hwInfo()).toEqual({ type: 0, data: new Uint8Array() });
    expect(backend.reservedRegions()).toEqual([{ kind: 'sw-msi', start: 0x800_0000n, last: 0x80f_ffffn }]);
    expect(backend).toBeInstanceOf(SmmuV3Backend);
    expect(() => armSmmuv3({ caches: { ways: 3 } })).toThrow(
      'armSmmuv3: caches.ways is 3, expected a power of two from 1 to 64',
    );
  });
});
