import { Errno, hi32, HwptFlag, IotlbGather, join64, lo32, Prot, read64 } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { AmdViDriver, type AmdViDriverEnvironment } from '../../src/driver/amd-vi-driver.js';
import { PagingDomain } from '../../src/driver/paging-domain.js';
import { AmdViUnit, type AmdViOptions } from '../../src/index.js';
import { bareBackend, device, portOf, QueuedCommands } from '../bench-machine.js';

const IOVA = 0x12_3456_7000n;
const PA = 0x1_2000_0000n;
const RW = Prot.READ | Prot.WRITE;
const DEV = 0x10;

/* Commands as the fact sheet prints them. */
const DEVTAB = (id: number): [bigint, bigint] => [(2n << 60n) | BigInt(id), 0n];
const ALL = 0x7fff_ffff_ffff_f003n;
const pages = (domain: number, high: bigint): [bigint, bigint] => [(3n << 60n) | (BigInt(domain) << 32n), high];
const WAIT = 'wait';

function at(options: AmdViOptions = { preset: 'zen-server' }) {
  const machine = bareBackend(options);
  const { backend, memory } = machine;
  const queue = new QueuedCommands(backend.unit, memory);
  /** Commands since the last call, waits by name. */
  const commands = (): unknown[] => queue.takeAll().map(([low, high]) => (low >> 60n === 1n ? WAIT : [low, high]));
  const boot = commands();
  const dev = device(DEV);
  expect(backend.addDevice(dev)).toBe(0);
  const added = commands();
  const domain = (flags = 0): PagingDomain => {
    const made = backend.allocPaging(dev, flags, undefined);
    if (!(made instanceof PagingDomain)) throw new Error(`errno ${String(made)}`);
    return made;
  };
  const word = (address: bigint): bigint => {
    memory.load64(hi32(address), lo32(address));
    return join64(memory.loadedHi, memory.loadedLo);
  };
  const entry = (id = DEV): bigint[] => {
    const table = read64(backend.unit, 0) & 0xf_ffff_ffff_f000n;
    return [0n, 8n, 16n, 24n].map((offset) => word(table + 32n * BigInt(id) + offset));
  };
  const map = (on: PagingDomain, iova = IOVA, shift = 12, count = 1, pa = PA, prot = RW): number =>
    on.mapPages(hi32(iova), lo32(iova), hi32(pa), lo32(pa), shift, count, prot);
  const unmap = (on: PagingDomain, iova = IOVA, shift = 12, count = 1): number => {
    const gather = new IotlbGather();
    const bytes = on.unmapPages(hi32(iova), lo32(iova), shift, count, gather);
    on.syncUnmap(gather);
    return bytes;
  };
  return { ...machine, dev, domain, commands, boot, added, entry, word, map, unmap, port: portOf(machine, dev) };
}

describe('what the driver queues', () => {
  it('at boot and when a device appears: everything, in one command where the unit has it', () => {
    expect(at().boot).toEqual([[8n << 60n, 0n], WAIT]);
    // Without IASup: each device and each domain that there is.
    const { boot, backend, dev, domain, commands } = at({ efr: 0x800n });
    expect(boot).toEqual([]);
    const on = domain();
    backend.attach(dev, on);
    commands();
    backend.addDevice(device(0x18));
    expect(commands()).toEqual([DEVTAB(DEV), pages(on.id, ALL), WAIT]);
  });

  it('for attach and detach', () => {
    const { backend, dev, domain, commands } = at();
    const on = domain();
    expect(backend.attach(dev, on)).toBe(0);
    expect(commands()).toEqual([DEVTAB(DEV), WAIT]);
    backend.detach(dev);
    expect(commands()).toEqual([DEVTAB(DEV), WAIT, pages(on.id, ALL), WAIT]);
    backend.detach(dev);
    expect(commands()).toEqual([]);
  });

  it('for a move to another domain: blocked in between', () => {
    const { backend, dev, domain, commands } = at();
    const [one, two] = [domain(), domain()];
    backend.attach(dev, one);
    commands();
    expect([backend.attach(dev, one), commands()]).toEqual([0, []]);
    expect(backend.attach(dev, two)).toBe(0);
    expect(commands()).toEqual([DEVTAB(DEV), WAIT, pages(one.id, ALL), WAIT, DEVTAB(DEV), WAIT]);
  });

  it('for an unmap: one command for the aligned power of two that holds the range', () => {
    const { backend, dev, domain, commands, map, unmap } = at();
    const on = domain();
    backend.attach(dev, on);
    map(on, 0x1000n, 12, 6);
    expect(commands().slice(-1)).toEqual([WAIT]);
    // 0x1000 to 0x2fff: differ in bit 13, so 16 KiB; S, PDE.
    expect(unmap(on, 0x1000n, 12, 2)).toBe(0x2000);
    expect(commands()).toEqual([pages(on.id, 0x1003n), WAIT]);
    expect(unmap(on, 0x3000n)).toBe(0x1000);
    expect(commands()).toEqual([pages(on.id, 0x3002n), WAIT]);
  });

  it('for unmaps that one gather holds: one command for all of them', () => {
    const { backend, dev, domain, commands, map } = at();
    const on = domain();
    backend.attach(dev, on);
    map(on, 0x1000n);
    map(on, 0x40_0000n);
    commands();
    const gather = new IotlbGather();
    on.unmapPages(0, 0x1000, 12, 1, gather);
    on.unmapPages(0, 0x40_0000, 12, 1, gather);
    expect(commands()).toEqual([]);
    on.syncUnmap(gather);
    expect(commands()).toEqual([pages(on.id, 0x3f_f003n), WAIT]);
  });

  it('for a map: nothing, unless a page takes the place of another', () => {
    const { backend, dev, domain, commands, map } = at();
    const on = domain();
    backend.attach(dev, on);
    map(on, 0x20_0000n);
    commands();
    map(on, 0x20_1000n);
    on.syncMap(0, 0x20_1000, 0, 0x20_1fff);
    expect(commands()).toEqual([]);
    map(on, 0x20_0000n, 12, 1, PA + 0x5000n);
    expect(commands()).toEqual([pages(on.id, 0x20_0002n), WAIT]);
    // A large page over a table: its 2 MiB, and then the table's frame is free.
    const before = at().tableFrames.framesInUse;
    map(on, 0x20_0000n, 21, 1, 0x1_4000_0000n);
    expect(commands()).toEqual([pages(on.id, 0x2f_f003n), WAIT]);
    expect(before).toBeGreaterThan(0);
  });

  it('with NpCache: after a map, in naturally aligned pieces', () => {
    const { backend, dev, domain, commands, map, unmap } = at({ preset: 'zen-server', npCache: true });
    const on = domain();
    backend.attach(dev, on);
    commands();
    map(on, 0x1000n, 12, 6);
    on.syncMap(0, 0x1000, 0, 0x6fff);
    // 4K at 0x1000, 8K at 0x2000, 8K at 0x4000, 4K at 0x6000.
    const pieces = [0x1002n, 0x2003n, 0x4003n, 0x6002n].map((high) => pages(on.id, high));
    expect(commands()).toEqual([...pieces, WAIT]);
    expect(unmap(on, 0x1000n, 12, 6)).toBe(0x6000);
    expect(commands()).toEqual([...pieces, WAIT]);
    on.flushAll();
    expect(commands()).toEqual([pages(on.id, ALL), WAIT]);
  });

  it('with NpCache: unmaps that do not touch are not joined', () => {
    const { backend, dev, domain, commands, map } = at({ preset: 'zen-server', npCache: true });
    const on = domain();
    backend.attach(dev, on);
    map(on, 0x1000n);
    map(on, 0x40_0000n);
    commands();
    const gather = new IotlbGather();
    on.unmapPages(0, 0x1000, 12, 1, gather);
    on.unmapPages(0, 0x40_0000, 12, 1, gather);
    on.syncUnmap(gather);
    expect(commands()).toEqual([pages(on.id, 0x1002n), WAIT, pages(on.id, 0x40_0002n), WAIT]);
  });

  it('when the table grows: what the old entry was tagged with, then each entry', () => {
    const { backend, dev, domain, commands, map, entry, port } = at();
    const on = domain();
    const other = device(0x18);
    backend.addDevice(other);
    backend.attach(dev, on);
    backend.attach(other, on);
    map(on);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
    commands();
    map(on, 1n << 40n);
    expect(commands()).toEqual([pages(on.id, ALL), WAIT, pages(on.id, ALL), WAIT, DEVTAB(DEV), DEVTAB(0x18), WAIT]);
    expect([(entry()[0]! >> 9n) & 7n, (entry(0x18)[0]! >> 9n) & 7n, on.levels]).toEqual([4n, 4n, 4]);
    expect(port.read(IOVA, 1).pieces[0]?.pa).toBe(PA);
  });

  it('for dirty tracking: HAD of each entry, and everything is walked again', () => {
    const { backend, dev, domain, commands, entry, map, port } = at();
    const on = domain(HwptFlag.DIRTY_TRACKING);
    backend.attach(dev, on);
    map(on);
    port.write(IOVA, Uint8Array.of(1));
    const [before] = entry();
    commands();
    expect(on.dirty!.setTracking(true)).toBe(0);
    expect(commands()).toEqual([DEVTAB(DEV), pages(on.id, ALL), WAIT]);
    expect(entry()[0]! ^ before!).toBe(0x180n);
    expect(on.dirty!.setTracking(true)).toBe(0);
    expect(commands()).toEqual([]);
    // A device that comes later tracks from the start; one more switch, and nobody does.
    const other = device(0x18);
    backend.addDevice(other);
    backend.attach(other, on);
    expect(entry(0x18)[0]! & 0x180n).toBe(0x180n);
    commands();
    on.dirty!.setTracking(false);
    expect(commands()).toEqual([DEVTAB(DEV), DEVTAB(0x18), pages(on.id, ALL), WAIT]);
    expect([entry()[0]! & 0x180n, entry(0x18)[0]! & 0x180n]).toEqual([0n, 0n]);
  });

  it('for a domain without devices: nothing', () => {
    const { domain, commands, map, unmap } = at();
    const on = domain();
    map(on);
    unmap(on);
    on.flushAll();
    expect(commands()).toEqual([]);
  });
});

describe('what the driver stores', () => {
  /** Writes into an entry while `act` runs, as `[word, value]`. */
  function storesOf(machine: ReturnType<typeof at>, act: () => void): [number, bigint][] {
    const table = read64(machine.backend.unit, 0) & 0xf_ffff_ffff_f000n;
    const start = table + 32n * BigInt(DEV);
    const touched: number[] = [];
    const observer = {
      beforeWrite: (hi: number, lo: number): void => {
        const offset = join64(hi, lo) - start;
        if (offset >= 0n && offset < 32n) touched.push(Number(offset / 8n));
      },
    };
    machine.memory.addObserver(observer);
    act();
    machine.memory.removeObserver(observer);
    const after = machine.entry();
    return touched.map((index) => [index, after[index]!]);
  }

  it('an entry on host tables: the word with the DomainID, then the word with V', () => {
    const machine = at();
    const on = machine.domain();
    const stores = storesOf(machine, () => machine.backend.attach(machine.dev, on));
    expect(stores).toEqual([
      [1, BigInt(on.id)],
      [0, on.root | 0x6000_0000_0000_0603n],
    ]);
    expect(storesOf(machine, () => machine.backend.detach(machine.dev))).toEqual([
      [0, 3n],
      [1, 0n],
    ]);
    expect(machine.entry()).toEqual([3n, 0n, 1n, 0n]);
  });

  it('an entry on guest tables of 5 levels: the guest level, DomainID and GCR3, then the word with V', () => {
    const machine = at({ preset: 'zen-server', pageTables: 'v2' });
    const on = machine.domain();
    const stores = storesOf(machine, () => machine.backend.attach(machine.dev, on));
    expect(stores.map(([index]) => index)).toEqual([2, 1, 0]);
    const [low, upper, guest] = machine.entry() as [bigint, bigint, bigint];
    expect(guest).toBe((1n << 54n) | 1n);
    const gcr3 = (((low >> 58n) & 7n) << 12n) | (((upper >> 16n) & 0xffffn) << 15n) | ((upper >> 43n) << 31n);
    // V, TV, GIoV, GV, IR, IW; Mode 0, one level of GCR3.
    expect(low & ~(7n << 58n)).toBe(0x60c0_0000_0000_0003n);
    expect(upper & 0xffffn).toBe(BigInt(on.id + 1));
    expect(machine.word(gcr3)).toBe(on.root | 1n);
    expect(machine.word(gcr3 + 8n)).toBe(0n);
  });

  it('blocking leaves the bits of the firmware in the second word', () => {
    const machine = at();
    const table = read64(machine.backend.unit, 0) & 0xf_ffff_ffff_f000n;
    const upper = table + 32n * BigInt(DEV) + 8n;
    machine.memory.store64(hi32(upper), lo32(upper), 0x3ff, 0);
    const on = machine.domain();
    machine.backend.attach(machine.dev, on);
    expect(machine.entry()[1]).toBe((0x3ffn << 32n) | BigInt(on.id));
    machine.backend.detach(machine.dev);
    expect(machine.entry()[1]).toBe(0x3ffn << 32n);
  });

  it('the device table grows with the devices, and keeps what it held', () => {
    const machine = at();
    const on = machine.domain();
    machine.backend.attach(machine.dev, on);
    const before = machine.entry();
    expect(machine.backend.addDevice(device(0xfff8))).toBe(0);
    expect(read64(machine.backend.unit, 0) & 0x1ffn).toBe(0x1ffn);
    expect(machine.entry()).toEqual(before);
    expect(machine.entry(0xfff8)).toEqual([3n, 0n, 1n, 0n]);
    machine.map(on);
    expect(machine.port.read(IOVA, 1).status).toBe('ok');
    expect(portOf(machine, device(0xfff8)).read(IOVA, 1).status).toBe('blocked');
  });
});

describe('domains', () => {
  it('have the lowest free DomainID', () => {
    const { domain } = at();
    const [one, two, three] = [domain(), domain(), domain()];
    expect([one.id, two.id, three.id]).toEqual([1, 2, 3]);
    two.free();
    one.free();
    expect([domain().id, domain().id, domain().id]).toEqual([1, 2, 4]);
  });

  it('that track need HDSup and host tables', () => {
    const needs = (options: AmdViOptions): number =>
      bareBackend(options).backend.allocPaging(device(DEV), HwptFlag.DIRTY_TRACKING, undefined) as number;
    expect(needs({ preset: 'qemu-q35-7.2' })).toBe(Errno.EOPNOTSUPP);
    expect(needs({ preset: 'zen-server', pageTables: 'v2' })).toBe(Errno.EOPNOTSUPP);
    expect(needs({ preset: 'zen-server' })).toBeInstanceOf(PagingDomain);
  });

  it.each([
    ['v1', 0xf_ff7f_ffff_f000n, 0xffff_ffff_ffff_ffffn, 0x0013_00af_0000_98dbn],
    ['v2', 0x4020_1000n, (1n << 56n) - 1n, 0x0013_00af_0000_98dbn],
    ['v2', 0x4020_1000n, (1n << 47n) - 1n, 0x0013_00af_0000_88dbn],
    ['v2', 0xf_ff7f_ffff_f000n, 0xffff_ffff_ffff_ffffn, 0x0000_0000_0000_29d3n],
  ] as const)('on %s tables have the page sizes %i and end at %i (EFR %i)', (pageTables, sizes, last, efr) => {
    const { domain } = at({ preset: 'zen-server', pageTables, efr });
    const on = domain();
    expect([on.pageSizes, on.aperture.last]).toEqual([sizes, last]);
  });

  it('refuse rights that are no mapping, and say that snooping is forced', () => {
    for (const pageTables of ['v1', 'v2'] as const) {
      const { domain, map } = at({ preset: 'zen-server', pageTables });
      const on = domain();
      expect(map(on, IOVA, 12, 1, PA, Prot.CACHE)).toBe(Errno.EINVAL);
      expect(on.enforceCacheCoherency()).toBe(true);
    }
  });
});

describe('guest tables', () => {
  const options = { preset: 'zen-server', pageTables: 'v2' } as const;

  it.each([
    ['5 levels', 0x0013_00af_0000_98dbn, 5],
    ['4 levels', 0x0013_00af_0000_88dbn, 4],
  ] as const)('move bytes, with %s', (_, efr, levels) => {
    const { backend, dev, domain, map, unmap, port } = at({ ...options, efr });
    const on = domain();
    backend.attach(dev, on);
    expect(on.levels).toBe(levels);
    const top = on.aperture.last - 0xfffn;
    for (const [iova, shift] of [
      [IOVA, 12],
      [0x4000_0000n, 30],
      [0x20_0000n, 21],
      [top, 12],
    ] as const) {
      const pa = shift === 12 ? PA : 1n << 32n;
      expect(map(on, iova, shift, 1, pa)).toBe(0);
      expect(port.write(iova + 4n, Uint8Array.of(7)).pieces[0]?.pa).toBe(pa + 4n);
      expect(unmap(on, iova, shift, 1)).toBe(2 ** shift);
      expect(port.read(iova, 1).status).toBe('blocked');
    }
  });

  it('have leaves as Linux writes them: A and D in advance, a write-only page can be read', () => {
    const { backend, dev, domain, map, word, port } = at({ ...options, efr: 0x0013_00af_0000_88dbn });
    const on = domain();
    backend.attach(dev, on);
    const leafOf = (iova: bigint): bigint => {
      let table = on.root;
      for (const shift of [39n, 30n, 21n]) {
        const link = word(table + 8n * ((iova >> shift) & 0x1ffn));
        expect(link & 0xfffn).toBe(0x27n);
        table = link & ~0xfffn;
      }
      return word(table + 8n * ((iova >> 12n) & 0x1ffn));
    };
    map(on, 0x1000n, 12, 1, PA, Prot.READ);
    map(on, 0x2000n, 12, 1, PA, Prot.WRITE);
    expect([leafOf(0x1000n), leafOf(0x2000n)]).toEqual([PA | 0x65n, PA | 0x67n]);
    expect([port.read(0x2000n, 1).status, port.write(0x1000n, Uint8Array.of(1)).status]).toEqual(['ok', 'blocked']);
  });

  it('are tagged by device: each has a DomainID and a GCR3 table of its own', () => {
    const { backend, dev, domain, commands, entry, map, unmap } = at(options);
    const on = domain();
    const other = device(0x18);
    backend.addDevice(other);
    backend.attach(dev, on);
    backend.attach(other, on);
    expect([entry()[1]! & 0xffffn, entry(0x18)[1]! & 0xffffn]).toEqual([2n, 3n]);
    map(on);
    commands();
    unmap(on);
    // GN, PDE; PASID 0.
    expect(commands()).toEqual([pages(2, IOVA | 6n), pages(3, IOVA | 6n), WAIT]);
  });

  it('are set up before the entry points to them, and taken away after it no longer does', () => {
    const { backend, dev, domain, commands, tableFrames } = at(options);
    const on = domain();
    const frames = tableFrames.framesInUse;
    backend.attach(dev, on);
    expect(commands()).toEqual([pages(2, ALL | 4n), WAIT, DEVTAB(DEV), WAIT]);
    expect(tableFrames.framesInUse).toBe(frames + 1);
    backend.detach(dev);
    expect(commands()).toEqual([DEVTAB(DEV), WAIT, pages(2, ALL | 4n), WAIT, pages(2, ALL | 4n), WAIT]);
    expect(tableFrames.framesInUse).toBe(frames);
    backend.attach(dev, domain());
    // The DomainID of the GCR3 table is free again.
    expect(commands()).toEqual([pages(3, ALL | 4n), WAIT, DEVTAB(DEV), WAIT]);
  });

  it('without memory for the GCR3 table the device stays where it was', () => {
    const { backend, dev, domain, map, port, tableFrames } = at(options);
    const [one, two] = [domain(), domain()];
    map(one);
    backend.attach(dev, one);
    while (tableFrames.allocate(0) >= 0);
    expect(backend.attach(dev, two)).toBe(Errno.ENOMEM);
    expect(port.read(IOVA, 1).status).toBe('ok');
  });
});

describe('the event log', () => {
  function bare() {
    const { memory, tableFrames } = bareBackend();
    const unit = new AmdViUnit({ memory, options: { preset: 'zen-server' } });
    const environment = { memory, frames: tableFrames, mmio: unit, npCache: false, pageTables: 'v1', relax: () => 0 };
    const driver = new AmdViDriver(environment as AmdViDriverEnvironment);
    driver.addDevice(device(DEV));
    const fault = (times: number): void => {
      for (let time = 0; time < times; time++) unit.translate(DEV, -1, 0x12, 0x3456_7000, 1);
    };
    return { unit, driver, fault, memory };
  }

  it('is read on interrupt, and started again when it ran over', () => {
    const { unit, driver, fault } = bare();
    fault(3);
    expect(driver.events).toEqual([]);
    driver.handleEvents();
    expect(driver.events).toHaveLength(3);
    expect(driver.events[0]?.line).toBe(
      'AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:02.0 domain=0x0000 address=0x1234567000 flags=0x0050]',
    );
    expect(unit.status).toMatchObject({ EVENT_LOG_INT: 0n, EVENT_LOG_RUN: 1n });
    fault(512);
    expect(unit.status).toMatchObject({ EVENT_OVERFLOW: 1n, EVENT_LOG_RUN: 0n });
    fault(1);
    driver.handleEvents();
    expect(driver.events).toHaveLength(3 + 511);
    expect(unit.status).toMatchObject({ EVENT_OVERFLOW: 0n, EVENT_LOG_RUN: 1n });
    fault(1);
    driver.handleEvents();
    expect(driver.events).toHaveLength(3 + 512);
  });

  it('is left with zeroed slots, so that an old event is never taken for a new one', () => {
    const { unit, driver, fault, memory } = bare();
    fault(1);
    const base = read64(unit, 0x10) & 0xf_ffff_ffff_f000n;
    const slot = new Uint8Array(16);
    memory.read(base, slot);
    expect(slot.some((byte) => byte !== 0)).toBe(true);
    driver.handleEvents();
    memory.read(base, slot);
    expect([...slot]).toEqual(Array.from({ length: 16 }, () => 0));
    expect(read64(unit, 0x2010)).toBe(0x10n);
  });

  it('skips a slot that was not written yet', () => {
    const { unit, driver } = bare();
    unit.write32(0x2018, 0x10);
    driver.handleEvents();
    expect([driver.events, unit.read32(0x2010)]).toEqual([[], 0x10]);
  });
});
