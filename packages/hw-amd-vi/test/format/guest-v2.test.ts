import { describe, expect, it } from 'vitest';
import { DTE_RW, EXECUTE, GUEST_RW, PRIVILEGED, PTE_RO, PTE_RW, READ, Rig, WRITE } from '../unit/rig.js';

const DEV = 8;
const PAGE = 0x1000_0000n;
const NX = 1n << 63n;

/** Word 2 of a device table entry: GuestPagingMode. */
const FIVE = 1n << 54n;

interface Guest {
  readonly rig: Rig;
  /** Address of the GCR3 entry of a PASID, with the tables above it in place. */
  readonly gcr3: (pasid: number) => bigint;
  /** Root of the guest tables of a PASID. */
  readonly root: (pasid: number) => bigint;
}

/** A device on guest tables, domain 7. @param host Mode and root of host tables, 0 for none */
function guest(options: { glx?: number; levels?: 4 | 5; giov?: boolean; host?: bigint; rig?: Rig } = {}): Guest {
  const { glx = 0, levels = 4, giov = false, host = 0n, rig = new Rig() } = options;
  const top = rig.table();
  const lower =
    DTE_RW | host | (1n << 55n) | (BigInt(glx) << 56n) | (giov ? 1n << 54n : 0n) | (((top >> 12n) & 7n) << 58n);
  rig.dte(DEV, lower, 7n | (((top >> 15n) & 0xffffn) << 16n), levels === 5 ? FIVE : 0n);
  const gcr3 = (pasid: number): bigint => {
    let table = top;
    for (let level = glx; level > 0; level--) {
      const at = table + 8n * BigInt((pasid >> (9 * level)) & 0x1ff);
      if (rig.load(at) === 0n) rig.store(at, rig.table() | 1n);
      table = rig.load(at) & ~0xfffn;
    }
    return table + 8n * BigInt(pasid & 0x1ff);
  };
  const root = (pasid: number): bigint => {
    if (rig.load(gcr3(pasid)) === 0n) rig.store(gcr3(pasid), rig.table() | 1n);
    return rig.load(gcr3(pasid)) & ~0xfffn;
  };
  return { rig, gcr3, root };
}

describe('GCR3 tables', () => {
  it.each([
    [1, 0, 0x1ff],
    [2, 1, 0xffff],
    [3, 2, 0xffff],
  ])('of %i levels lead from the PASID to its tables', (_, glx, last) => {
    const { rig, root } = guest({ glx });
    const pasids = [0, 1, 0x155, last];
    pasids.forEach((pasid, at) => rig.mapGuest(root(pasid), 4, 0x5000n, (PAGE + BigInt(at) * 0x1000n) | GUEST_RW));
    expect(pasids.map((pasid) => rig.pa(DEV, 0x5123n, READ, pasid))).toEqual(
      pasids.map((__, at) => PAGE + BigInt(at) * 0x1000n + 0x123n),
    );
    expect(rig.pa(DEV, 0x5000n, READ, 2)).toBeUndefined();
  });

  it('refuse a PASID that they or the unit cannot hold', () => {
    const { rig, root } = guest({ glx: 0 });
    rig.mapGuest(root(0), 4, 0x5000n, PAGE | GUEST_RW);
    expect(rig.ask(DEV, 0x5000n, READ, 0x200).fault?.details).toMatchObject({ present: false });
    const wide = guest({ glx: 2 });
    expect(wide.rig.ask(DEV, 0x5000n, READ, 0x1_0000).fault?.details).toMatchObject({ present: false });
  });

  it('are found at any address of 52 bits', () => {
    const rig = new Rig();
    const gcr3 = 0x1_2345_6000n;
    const root = rig.table();
    rig.store(gcr3 + 8n, root | 1n);
    rig.mapGuest(root, 4, 0x5000n, PAGE | GUEST_RW);
    // GCR3[14:12] at 60:58 of word 0; [30:15] at 31:16 and [51:31] at 63:43 of word 1.
    rig.dte(DEV, DTE_RW | (1n << 55n) | (6n << 58n), 7n | (0x468an << 16n) | (2n << 43n));
    expect(rig.pa(DEV, 0x5000n, READ, 1)).toBe(PAGE);
  });

  it('with more levels than the unit has make the device table entry illegal', () => {
    // GLXSup 0, GATS 0.
    const rig = new Rig({ preset: 'zen-server', efr: 0x0013_00af_0000_08dbn });
    guest({ glx: 1, rig });
    expect(rig.ask(DEV, 0n, READ, 1).fault?.name).toBe('ILLEGAL_DEV_TABLE_ENTRY');
    guest({ glx: 0, levels: 5, rig });
    rig.command(8n << 60n);
    expect(rig.ask(DEV, 0n, READ, 1).fault?.name).toBe('ILLEGAL_DEV_TABLE_ENTRY');
  });
});

describe('guest tables', () => {
  it.each([
    [4, 1, 12],
    [4, 2, 21],
    [4, 3, 30],
    [5, 1, 12],
    [5, 2, 21],
    [5, 3, 30],
  ] as const)('of %i levels have pages at level %i: 2^%i bytes', (levels, level, shift) => {
    const { rig, root } = guest({ levels });
    const iova = levels === 5 ? 0x7b_0000_0000_0000n : 0x7b00_0000_0000n;
    const page = 1n << BigInt(shift);
    rig.mapGuest(root(1), levels, iova, page | GUEST_RW | (level > 1 ? 0x80n : 0n), level);
    expect(rig.ask(DEV, iova + page - 1n, READ, 1)).toMatchObject({ pa: page + page - 1n, pageShift: shift });
    expect(rig.pa(DEV, iova + page, READ, 1)).toBeUndefined();
  });

  it('of 4 levels are canonical for PASIDs, and unsigned for requests without one under GIoV', () => {
    const { rig, root } = guest({ giov: true });
    const high = 0x8000_0000_0000n;
    rig.mapGuest(root(0), 4, high, PAGE | GUEST_RW);
    expect(rig.pa(DEV, high)).toBe(PAGE);
    expect(rig.pa(DEV, high, READ, 1)).toBeUndefined();
    // Both are PASID 0 to the caches.
    expect(rig.pa(DEV, high, READ, 0)).toBeUndefined();
    expect(rig.pa(DEV, 0xffff_8000_0000_0000n, READ, 0)).toBe(PAGE);
    expect(rig.pa(DEV, 0xffff_8000_0000_0000n)).toBeUndefined();
  });

  it('without GIoV leave requests without PASID to the host side: identity under Mode 0', () => {
    const { rig } = guest();
    expect(rig.pa(DEV, 0x1234_5678n, WRITE)).toBe(0x1234_5678n);
  });

  it('give rights by privilege, and fetches by NX', () => {
    const { rig, root } = guest();
    const map = (iova: bigint, leaf: bigint): bigint => rig.mapGuest(root(1), 4, iova, leaf);
    map(0x1000n, PAGE | 0x65n);
    map(0x2000n, PAGE | 0x63n);
    map(0x3000n, PAGE | GUEST_RW | NX);
    const rights = (iova: bigint, access: number): boolean => rig.pa(DEV, iova, access, 1) !== undefined;
    expect([rights(0x1000n, READ), rights(0x1000n, WRITE), rights(0x1000n, READ | EXECUTE)]).toEqual([
      true,
      false,
      true,
    ]);
    expect([rights(0x2000n, READ), rights(0x2000n, READ | PRIVILEGED), rights(0x2000n, WRITE | PRIVILEGED)]).toEqual([
      false,
      true,
      true,
    ]);
    expect([rights(0x3000n, WRITE), rights(0x3000n, READ | EXECUTE)]).toEqual([true, false]);
    expect(rig.ask(DEV, 0x1000n, WRITE, 1).fault?.details).toMatchObject({ present: true, permission: true });
  });

  it('set A on the way and D on the first write, also while the IOTLB has the page', () => {
    const { rig, root } = guest();
    const leaf = rig.mapGuest(root(1), 4, 0x1000n, PAGE | 0x7n);
    rig.store(root(1), rig.load(root(1)) & ~0x20n);
    expect(rig.pa(DEV, 0x1000n, READ, 1)).toBe(PAGE);
    expect([rig.load(leaf) & 0x60n, rig.load(root(1)) & 0x20n]).toEqual([0x20n, 0x20n]);
    expect(rig.pa(DEV, 0x1000n, WRITE, 1)).toBe(PAGE);
    expect(rig.load(leaf) & 0x60n).toBe(0x60n);
  });

  it.each([
    ['PS at level 4', 4, 0x80n],
    ['a large page that is not aligned', 2, 0x10_0080n],
  ])('refuse reserved bits: %s', (_, level, bits) => {
    const { rig, root } = guest();
    rig.mapGuest(root(1), 4, 0n, GUEST_RW | bits, level);
    expect(rig.ask(DEV, 0n, READ, 1).fault?.details).toMatchObject({ present: true, reserved: true });
  });

  it('reserve NX where the unit has none', () => {
    const rig = new Rig({ preset: 'zen-server', efr: 0x0013_00af_0000_98d3n });
    const { root } = guest({ rig });
    rig.mapGuest(root(1), 4, 0x1000n, PAGE | GUEST_RW | NX);
    expect(rig.ask(DEV, 0x1000n, READ, 1).fault?.details).toMatchObject({ present: true, reserved: true });
  });
});

describe('guest tables on host tables', () => {
  /** Guest memory lies 256 MiB higher than the guest thinks; its page at 0x1000_0000 is mapped by `leaf`. */
  function nested(leaf: bigint) {
    const rig = new Rig();
    const hostRoot = rig.table();
    // The first 16 MiB as they are: GCR3 and guest tables; page by page, so that one can be taken away.
    for (let at = 0n; at < 0x100_0000n; at += 0x20_0000n) rig.mapHost(hostRoot, 3, at, at | PTE_RW, 2);
    rig.mapHost(hostRoot, 3, PAGE, leaf);
    const device = guest({ host: hostRoot | (3n << 9n), rig });
    rig.mapGuest(device.root(1), 4, 0x5000n, PAGE | GUEST_RW);
    return { ...device, hostRoot };
  }

  it('translate each pointer and the page: the smaller page counts', () => {
    const { rig } = nested(0x3000_0000n | PTE_RW);
    expect(rig.ask(DEV, 0x5123n, READ, 1)).toMatchObject({ pa: 0x3000_0123n, pageShift: 12 });
    const walk = rig.unit.explain(DEV, 1, 0x5123n, READ);
    expect(walk.pa).toBe(0x3000_0123n);
    const names = walk.steps.map(({ what }) => what);
    expect(names.filter((what) => what.startsWith('guest PTE'))).toEqual(
      [4, 3, 2, 1].map((level) => `guest PTE level ${level}`),
    );
    // Four pointers through two host levels each, and the page through three.
    expect(names.filter((what) => what.startsWith('host'))).toHaveLength(4 * 2 + 3);
    expect(names.slice(0, 2)).toEqual(['DTE', 'GCR3 entry level 1']);
  });

  it('a large guest page on small host pages is cached piece by piece', () => {
    const { rig, hostRoot, root } = nested(0x3000_0000n | PTE_RW);
    rig.mapHost(hostRoot, 3, PAGE + 0x1000n, 0x2000_0000n | PTE_RW);
    rig.mapGuest(root(1), 4, 0x20_0000n, PAGE | GUEST_RW | 0x80n, 2);
    expect(rig.ask(DEV, 0x20_0000n, READ, 1)).toMatchObject({ pa: 0x3000_0000n, pageShift: 12 });
    expect(rig.ask(DEV, 0x20_1000n, READ, 1)).toMatchObject({ pa: 0x2000_0000n, pageShift: 12 });
    expect(rig.pa(DEV, 0x20_2000n, READ, 1)).toBeUndefined();
  });

  it('allow what both stages allow', () => {
    const { rig } = nested(0x3000_0000n | PTE_RO);
    expect(rig.pa(DEV, 0x5000n, READ, 1)).toBe(0x3000_0000n);
    expect(rig.ask(DEV, 0x5000n, WRITE, 1).fault?.details).toMatchObject({ present: true, permission: true });
  });

  it('fault when the host stage has no page, also one for a table', () => {
    expect(nested(0n).rig.ask(DEV, 0x5000n, READ, 1).fault?.details).toMatchObject({ present: false });
    const { rig, hostRoot, root } = nested(0x3000_0000n | PTE_RW);
    rig.mapHost(hostRoot, 3, root(1) & ~0x1f_ffffn, 0n, 2);
    expect(rig.ask(DEV, 0x5000n, READ, 1).fault?.details).toMatchObject({ present: false });
  });

  it('write A and D bits only where the host stage allows writes', () => {
    const { rig, hostRoot, root } = nested(0x3000_0000n | PTE_RW);
    const leaf = rig.mapGuest(root(1), 4, 0x5000n, PAGE | 0x7n);
    const at = root(1) & ~0x1f_ffffn;
    rig.mapHost(hostRoot, 3, at, at | PTE_RO, 2);
    expect(rig.ask(DEV, 0x5000n, READ, 1).fault?.details).toMatchObject({ present: true, permission: true });
    expect(rig.load(leaf)).toBe(PAGE | 0x7n);
  });

  it('serve requests without PASID under GIoV through both stages, again and again', () => {
    const rig = new Rig();
    const hostRoot = rig.table();
    for (let at = 0n; at < 0x100_0000n; at += 0x20_0000n) rig.mapHost(hostRoot, 3, at, at | PTE_RW, 2);
    rig.mapHost(hostRoot, 3, PAGE, 0x3000_0000n | PTE_RW);
    const { root } = guest({ host: hostRoot | (3n << 9n), giov: true, rig });
    rig.mapGuest(root(0), 4, 0x5000n, PAGE | GUEST_RW);
    // A neighbour on the same host tables, without guest tables, fills the IOTLB for the same address.
    rig.dte(9, hostRoot | DTE_RW | (3n << 9n), 7n);
    rig.pa(DEV, 0x5042n);
    expect(rig.pa(9, 0x5042n)).toBe(0x5042n);
    expect([1, 2, 3].map(() => rig.pa(DEV, 0x5042n))).toEqual([0x3000_0042n, 0x3000_0042n, 0x3000_0042n]);
  });

  it('leave requests without PASID to the host tables', () => {
    const { rig } = nested(0x3000_0000n | PTE_RW);
    expect(rig.pa(DEV, PAGE + 0x42n)).toBe(0x3000_0042n);
  });
});
