import { describe, expect, it } from 'vitest';
import { Errno } from '../../src/index.js';
import { bench, DATA, ok, why, type Bench } from './iommufd-fixture.js';
import { ScriptedDomain } from './scripted-backend.js';

const domainOf = ({ script, device }: Bench, n: number): object | undefined => script.attached.get(device(n).name);

describe('bind', () => {
  it('wants coherent DMA and isolated interrupts', () => {
    const { script, context, device } = bench();
    script.capabilities = { ...script.capabilities, msiIsolated: false };
    expect(why(context.bindDevice(device(0), script.backend()))).toBe('EPERM BIND_MSI_NOT_ISOLATED');
    script.capabilities = { ...script.capabilities, cacheCoherency: false };
    expect(why(context.bindDevice(device(0), script.backend()))).toBe('EINVAL BIND_NOT_COHERENT');
  });

  it('gives a group to one open file at a time', () => {
    const b = bench([1, 1, 2]);
    const other = bench([1]);
    const fd = ok(b.process.open('/dev/iommu'));
    const second = b.process.fileOf(fd) as unknown as typeof b.context;
    const first = b.bind(0);
    expect(why(second.bindDevice(b.device(1), b.script.backend()))).toBe('EPERM BIND_GROUP_OWNED');
    const sibling = b.bind(1);
    first.unbind();
    expect(why(second.bindDevice(b.device(0), b.script.backend()))).toBe('EPERM BIND_GROUP_OWNED');
    sibling.unbind();
    ok(second.bindDevice(b.device(0), b.script.backend())).unbind();
    ok(other.client.ioasAlloc());
  });
});

describe('attach to an IOAS', () => {
  it('makes a page table by itself, shares it with the next device, and drops it with the last', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    const [one, two] = [b.bind(0), b.bind(1)];
    const hwpt = ok(one.attach(ioas));
    expect(ok(two.attach(ioas))).toBe(hwpt);
    expect(b.script.domains).toHaveLength(1);
    one.detach();
    expect(domainOf(b, 0)).toBeUndefined();
    expect(b.script.domains[0]?.isFree).toBe(false);
    two.detach();
    expect(b.script.domains[0]?.isFree).toBe(true);
    expect(why(b.client.destroy(hwpt))).toBe('ENOENT OBJECT_NOT_FOUND');
  });

  it('tries the next page table on EINVAL and gives up on any other errno', () => {
    const b = bench([1, 2, 3]);
    const ioas = ok(b.client.ioasAlloc());
    const devices = [b.bind(0), b.bind(1), b.bind(2)];
    const first = ok(devices[0]!.attach(ioas));
    b.script.attachErrno = (device, domain) =>
      device === b.device(1) && domain === b.script.domains[0] ? Errno.EINVAL : 0;
    const second = ok(devices[1]!.attach(ioas));
    expect(second).not.toBe(first);
    expect(b.script.domains).toHaveLength(2);
    b.script.attachErrno = (device, domain) =>
      device === b.device(2) && domain === b.script.domains[0] ? Errno.ENOSPC : 0;
    expect(why(devices[2]!.attach(ioas))).toBe('ENOSPC DRIVER_ENOSPC');
    expect(b.script.domains).toHaveLength(2);
  });

  it('never takes a page table that was made by hand', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    const device = b.bind(0);
    const hand = ok(b.client.hwptAlloc({ deviceId: device.id, ptId: ioas }));
    expect(ok(device.attach(ioas))).not.toBe(hand);
    device.detach();
    expect(ok(device.attach(hand))).toBe(hand);
    device.detach();
    ok(b.client.destroy(hand));
  });

  it('leaves nothing behind when the page table cannot be filled', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    ok(b.client.ioasMap({ ioasId: ioas, userVa: DATA, length: 0x3000n, iova: 0x1000n }));
    b.script.unmappable = (iova) => iova === 0x3000n;
    const device = b.bind(0);
    expect(why(device.attach(ioas))).toBe('ENOMEM BACKEND_REFUSED');
    expect(device.attached).toBe(false);
    expect(domainOf(b, 0)).toBeUndefined();
    expect(b.script.domains[0]?.pages.size).toBe(0);
    expect(b.process.addressSpace.pinnedPages).toBe(0);
    expect(ok(b.client.ioasIovaRanges(ioas)).alignment).toBe(1n);
    delete b.script.unmappable;
    ok(device.attach(ioas));
  });

  it('names what an id is when it is no target', () => {
    const b = bench();
    const device = b.bind(0);
    expect(why(device.attach(9))).toBe('ENOENT ATTACH_TARGET_NOT_FOUND');
    expect(why(device.attach(device.id))).toBe('EINVAL ATTACH_TARGET_KIND');
  });
});

describe('groups', () => {
  it('put all their devices on one page table, also those nobody bound', () => {
    const b = bench([1, 1, 1]);
    const ioas = ok(b.client.ioasAlloc());
    const device = b.bind(0);
    ok(device.attach(ioas));
    const domain = b.script.domains[0];
    expect([0, 1, 2].map((n) => domainOf(b, n))).toEqual([domain, domain, domain]);
    const other = ok(b.client.ioasAlloc());
    const sibling = b.bind(1);
    expect(why(sibling.attach(other))).toBe('EINVAL ATTACH_GROUP_ELSEWHERE');
    ok(sibling.attach(ioas));
    device.detach();
    expect(domainOf(b, 0)).toBe(domain);
    sibling.detach();
    expect([0, 1, 2].map((n) => domainOf(b, n))).toEqual([undefined, undefined, undefined]);
  });

  it('go back as a whole when one of them cannot be attached', () => {
    const b = bench([1, 1]);
    const ioas = ok(b.client.ioasAlloc());
    b.script.attachErrno = (device) => (device === b.device(1) ? Errno.EBUSY : 0);
    expect(why(b.bind(0).attach(ioas))).toBe('EBUSY DRIVER_EBUSY');
    expect(b.script.attached.size).toBe(0);
  });

  it('reserve the regions of each attached device and one MSI window', () => {
    const b = bench([1, 1]);
    const msi = { kind: 'sw-msi', start: 0x800_0000n, last: 0x80f_ffffn } as const;
    b.script.reserved.set(b.device(0).name, [msi, { kind: 'direct-relaxable', start: 0x1000n, last: 0x1fffn }]);
    b.script.reserved.set(b.device(1).name, [{ kind: 'reserved', start: 0x900_0000n, last: 0x900_ffffn }]);
    const ioasId = ok(b.client.ioasAlloc());
    const [one, two] = [b.bind(0), b.bind(1)];
    ok(one.attach(ioasId));
    const lasts = (): bigint[] => ok(b.client.ioasIovaRanges(ioasId)).ranges.map(({ last }) => last);
    expect(lasts()).toEqual([0x7ff_ffffn, 0xffff_ffffn]);
    ok(two.attach(ioasId));
    expect(lasts()).toEqual([0x7ff_ffffn, 0x8ff_ffffn, 0xffff_ffffn]);
    one.detach();
    expect(lasts()).toEqual([0x8ff_ffffn, 0xffff_ffffn]);
    two.detach();
    expect(lasts()).toEqual([0xffff_ffff_ffff_ffffn]);
  });

  it('cannot reserve what is mapped', () => {
    const b = bench();
    b.script.reserved.set(b.device(0).name, [{ kind: 'msi', start: 0xfee0_0000n, last: 0xfeef_ffffn }]);
    const ioasId = ok(b.client.ioasAlloc());
    ok(b.client.ioasMap({ ioasId, userVa: DATA, length: 0x1000n, iova: 0xfee0_0000n }));
    expect(why(b.bind(0).attach(ioasId))).toBe('EADDRINUSE RESERVE_OVER_AREA');
  });
});

describe('replace', () => {
  it('needs an attachment', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    expect(why(b.bind(0).replace(ioas))).toBe('EINVAL REPLACE_NOT_ATTACHED');
  });

  it('moves the whole group, with its regions, and drops the old page table', () => {
    const b = bench([1, 1]);
    b.script.reserved.set(b.device(0).name, [{ kind: 'msi', start: 0xfee0_0000n, last: 0xfeef_ffffn }]);
    const [from, to] = [ok(b.client.ioasAlloc()), ok(b.client.ioasAlloc())];
    const [one, two] = [b.bind(0), b.bind(1)];
    const old = ok(one.attach(from));
    ok(two.attach(from));
    const moved = ok(two.replace(to));
    expect(domainOf(b, 0)).toBe(b.script.domains[1]);
    expect(why(b.client.destroy(old))).toBe('ENOENT OBJECT_NOT_FOUND');
    expect(ok(b.client.ioasIovaRanges(from)).ranges).toHaveLength(1);
    expect(ok(b.client.ioasIovaRanges(to)).ranges).toHaveLength(2);
    expect(ok(one.replace(to))).toBe(moved);
    one.detach();
    two.detach();
    expect(why(b.client.destroy(moved))).toBe('ENOENT OBJECT_NOT_FOUND');
    ok(b.client.destroy(to));
  });

  it('leaves everything as it was when the driver refuses', () => {
    const b = bench();
    const [from, to] = [ok(b.client.ioasAlloc()), ok(b.client.ioasAlloc())];
    const device = b.bind(0);
    const old = ok(device.attach(from));
    b.script.attachErrno = (_device, domain) => (domain === b.script.domains[0] ? 0 : Errno.ENOMEM);
    expect(why(device.replace(to))).toBe('ENOMEM DRIVER_ENOMEM');
    expect(domainOf(b, 0)).toBe(b.script.domains[0]);
    expect(b.script.domains[1]?.isFree).toBe(true);
    expect(ok(device.replace(from))).toBe(old);
    ok(b.client.destroy(to));
  });
});

describe('coherency', () => {
  it('is enforced on a page table before anything is mapped, when the device can', () => {
    const b = bench();
    const ioas = ok(b.client.ioasAlloc());
    ok(b.bind(0).attach(ioas));
    expect(b.script.domains[0]?.isCoherent).toBe(false);
    b.script.capabilities = { ...b.script.capabilities, enforceCacheCoherency: true };
    const other = ok(b.client.ioasAlloc());
    const device = b.bind(1);
    ok(device.attach(other));
    expect(b.context.ioas(other)?.hwpts.map((hwpt) => hwpt.enforcesCacheCoherency)).toEqual([true]);
    expect(b.script.domains[1]).toBeInstanceOf(ScriptedDomain);
    b.script.canEnforce = false;
    expect(why(b.client.hwptAlloc({ deviceId: device.id, ptId: other }))).toBe('EINVAL HWPT_ALLOC_NOT_COHERENT');
  });
});
