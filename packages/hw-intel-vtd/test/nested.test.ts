import {
  createMachine,
  Errno,
  hi32,
  HwptFlag,
  lo32,
  Prot,
  RunMapper,
  type HwptUserData,
  type IommuDomain,
} from '@ioasis/core';
import { EduDevice } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { intelVtd, type VtdPresetName } from '../src/index.js';

const RW = Prot.READ | Prot.WRITE;
/** Where the guest's memory is, and how much of it. */
const GUEST = 0x2000_0000n;
const GUEST_BYTES = 0x40_0000;
const ROOT = 0x1000n;

/** `struct iommu_hwpt_vtd_s1`. */
function stage(root: bigint, width: number, { type = 1, flags = 0n } = {}): HwptUserData {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, flags, true);
  view.setBigUint64(8, root, true);
  view.setUint32(16, width, true);
  const read = (into: Uint8Array): boolean => {
    into.set(bytes.subarray(0, into.length));
    return true;
  };
  return { type, bytes: 24, read };
}

/** A guest whose memory is mapped from IPA 0, with first-stage tables that it writes itself. */
function guest(preset: VtdPresetName = 'xeon-sapphire-rapids') {
  const machine = createMachine({
    backend: intelVtd({ preset }),
    devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
  });
  const { backend, memory } = machine;
  const { iommu, port } = machine.device('0000:00:01.0')!;
  const parent = backend.allocPaging(iommu, HwptFlag.NEST_PARENT, undefined);
  if (typeof parent === 'number') throw new Error(`errno ${parent}`);
  const mapper = new RunMapper(parent);
  expect(mapper.map(0, 0, hi32(GUEST), lo32(GUEST), GUEST_BYTES, RW)).toBe(0);
  const store = (at: bigint, value: bigint): void => {
    memory.store64(hi32(GUEST + at), lo32(GUEST + at), hi32(value), lo32(value));
  };
  /** Four levels at 0x1000 to 0x4000; the last one holds the pages. P, RW, US. */
  const link = (from: bigint, index: bigint, to: bigint): void => store(from + index * 8n, to | 7n);
  link(0x1000n, 0n, 0x2000n);
  link(0x2000n, 0n, 0x3000n);
  link(0x3000n, 0n, 0x4000n);
  const setPage = (page: bigint, entry: bigint): void => store(0x4000n + page * 8n, entry);
  return { machine, backend, memory, iommu, port, parent, mapper, setPage };
}

function nest(at: ReturnType<typeof guest>, parent: IommuDomain = at.parent) {
  const user = at.backend.allocNested!(at.iommu, parent, 0, stage(ROOT, 48));
  if (typeof user === 'number') throw new Error(`errno ${user}`);
  return user;
}

const invalidateAll = {
  type: 0,
  entryBytes: 24,
  count: 1,
  read: (_: number, into: Uint8Array): boolean => {
    new DataView(into.buffer, into.byteOffset).setBigUint64(8, 0xffff_ffff_ffff_ffffn, true);
    return true;
  },
};

describe("a guest's tables nested on the kernel's", () => {
  it('translate DMA by both stages', () => {
    const at = guest();
    at.setPage(5n, 0x7000n | 7n);
    expect(at.backend.attach(at.iommu, nest(at))).toBe(0);
    expect(at.port.write(0x5010n, Uint8Array.of(42)).status).toBe('ok');
    const byte = new Uint8Array(1);
    at.memory.read(GUEST + 0x7010n, byte);
    expect([...byte]).toEqual([42]);
    expect(at.port.read(0x6000n, 1).pieces[0]?.fault).toMatchObject({ name: 'FS_ENTRY_NOT_PRESENT' });
  });

  it('need the invalidation that the guest asks for', () => {
    const at = guest();
    at.setPage(5n, 0x7000n | 7n);
    const user = nest(at);
    at.backend.attach(at.iommu, user);
    expect(at.port.read(0x5000n, 1).pieces[0]?.pa).toBe(GUEST + 0x7000n);
    at.setPage(5n, 0x8000n | 7n);
    expect(at.port.read(0x5000n, 1).pieces[0]?.pa).toBe(GUEST + 0x7000n);
    expect(user.invalidate(invalidateAll)).toEqual({ handled: 1, errno: 0 });
    expect(at.port.read(0x5000n, 1).pieces[0]?.pa).toBe(GUEST + 0x8000n);
  });

  it('lose what the kernel unmaps below them', () => {
    const at = guest();
    at.setPage(5n, 0x7000n | 7n);
    at.backend.attach(at.iommu, nest(at));
    expect(at.port.read(0x5000n, 1).status).toBe('ok');
    at.mapper.unmap(0, 0, GUEST_BYTES);
    expect(at.port.read(0x5000n, 1).status).toBe('blocked');
  });

  it('give way to the parent and come back', () => {
    const at = guest();
    at.setPage(5n, 0x7000n | 7n);
    const user = nest(at);
    at.backend.attach(at.iommu, user);
    at.backend.attach(at.iommu, at.parent);
    expect(at.port.read(0x5000n, 1).pieces[0]?.pa).toBe(GUEST + 0x5000n);
    at.backend.attach(at.iommu, user);
    expect(at.port.read(0x5000n, 1).pieces[0]?.pa).toBe(GUEST + 0x7000n);
    at.backend.detach(at.iommu);
    expect(at.port.read(0x5000n, 1).status).toBe('blocked');
  });
});

describe('HWPT_ALLOC with VTD_S1', () => {
  it.each([
    ['flags', HwptFlag.DIRTY_TRACKING, stage(ROOT, 48), Errno.EOPNOTSUPP],
    ['another type', 0, stage(ROOT, 48, { type: 7 }), Errno.EOPNOTSUPP],
  ])('refuses %s', (_, flags, data, errno) => {
    const at = guest();
    expect(at.backend.allocNested!(at.iommu, at.parent, flags, data)).toBe(errno);
  });

  it('refuses a parent that is none, and a unit without nesting', () => {
    const at = guest();
    const plain = at.backend.allocPaging(at.iommu, 0, undefined) as IommuDomain;
    expect(at.backend.allocNested!(at.iommu, plain, 0, stage(ROOT, 48))).toBe(Errno.EINVAL);
    const machine = createMachine({
      backend: intelVtd({ preset: 'qemu-q35-48bit-scalable' }),
      devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
    });
    const { iommu } = machine.device('0000:00:01.0')!;
    expect(machine.backend.allocPaging(iommu, HwptFlag.NEST_PARENT, undefined)).toBe(Errno.EOPNOTSUPP);
    expect(machine.backend.allocNested!(iommu, at.parent, 0, stage(ROOT, 48))).toBe(Errno.EOPNOTSUPP);
  });

  it('finds widths and flags that the unit lacks only at the attach', () => {
    const at = guest();
    for (const data of [stage(ROOT, 39), stage(ROOT, 0)]) {
      const user = at.backend.allocNested!(at.iommu, at.parent, 0, data);
      if (typeof user === 'number') throw new Error(`errno ${user}`);
      expect(at.backend.attach(at.iommu, user)).toBe(Errno.EINVAL);
    }
  });
});

describe('a PASID', () => {
  it('has a domain of its own beside the device', () => {
    const at = guest('full');
    const other = at.backend.allocPaging(at.iommu, 0, undefined);
    if (typeof other === 'number') throw new Error(`errno ${other}`);
    new RunMapper(other).map(0, 0x5000, hi32(GUEST), lo32(GUEST), 4096, RW);
    expect(at.backend.capabilitiesOf(at.iommu).maxPasidLog2).toBe(15);
    expect(at.backend.attach(at.iommu, at.parent)).toBe(0);
    expect(at.backend.attach(at.iommu, other, 7)).toBe(0);
    expect(at.port.read(0x5000n, 1).pieces[0]?.pa).toBe(GUEST + 0x5000n);
    expect(at.port.read(0x5000n, 1, 7).pieces[0]?.pa).toBe(GUEST);
    expect(at.port.read(0x5000n, 1, 8).status).toBe('blocked');
    at.backend.detach(at.iommu, 7);
    expect(at.port.read(0x5000n, 1, 7).status).toBe('blocked');
    expect(at.port.read(0x5000n, 1).status).toBe('ok');
    expect(at.backend.attach(at.iommu, other, 0)).toBe(Errno.EINVAL);
    expect(at.backend.attach(at.iommu, other, 2 ** 15)).toBe(Errno.EINVAL);
  });

  it('has none where the unit has no PASIDs', () => {
    const machine = createMachine({
      backend: intelVtd({ preset: 'qemu-q35-48bit-scalable' }),
      devices: [{ function: new EduDevice(), address: '0000:00:01.0', group: 1 }],
    });
    const { iommu } = machine.device('0000:00:01.0')!;
    const domain = machine.backend.allocPaging(iommu, 0, undefined) as IommuDomain;
    expect(machine.backend.attach(iommu, domain, 7)).toBe(Errno.EOPNOTSUPP);
  });
});
