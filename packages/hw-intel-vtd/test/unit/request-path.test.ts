import { Access, NO_PASID } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

const DEVICE = 0x0018;
const IOVA = 0x4000_0000n;
const PA = 0x1_0000_0000n;
const ZERO_LENGTH = Access.READ | Access.ZERO_LENGTH;

describe('interrupt window', () => {
  it('writes without PASID are messages and not translated; reads of bytes and atomics are refused', () => {
    const rig = new VtdRig();
    rig.context(DEVICE, 5);
    rig.enable();
    expect(rig.ask(DEVICE, 0xfee0_1234n, Access.WRITE)).toBe('0xfee01234');
    expect(rig.ask(DEVICE, 0xfeef_f000n, Access.WRITE)).toBe('0xfeeff000');
    expect(rig.ask(DEVICE, 0xfee0_1000n)).toBe('NOT_AN_INTERRUPT');
    expect(rig.ask(DEVICE, 0xfee0_1000n, Access.READ | Access.WRITE | Access.ATOMIC)).toBe('NOT_AN_INTERRUPT');
    expect(rig.ask(DEVICE, 0xfee0_1000n, ZERO_LENGTH), 'a flush').toBe('0xfee01000');
    expect(rig.ask(DEVICE, 0xfef0_0000n, Access.WRITE)).toBe('WRITE_DENIED');
  });

  it('a cached large page over the window does not serve it', () => {
    const rig = new VtdRig();
    rig.map(rig.context(DEVICE, 5), 0xfee0_0000n, PA | 0x83n, { level: 2 });
    rig.map(rig.load(rig.contextAt(DEVICE)) & ~0xfffn, 0xc000_0000n, 0x83n, { level: 2 });
    rig.enable();
    expect(rig.ask(DEVICE, 0xc000_5000n)).toBe('0x5000');
    expect(rig.ask(DEVICE, 0xfee0_5000n, Access.WRITE)).toBe('0xfee05000');
  });

  it('a page over the window is cached without it', () => {
    const rig = new VtdRig();
    rig.map(rig.context(DEVICE, 5), IOVA, 0xc000_0083n, { level: 3 });
    rig.enable();
    expect(rig.ask(DEVICE, IOVA + 0x5000n)).toBe('0xc0005000');
    expect(rig.ask(DEVICE, IOVA + 0x3ee0_5000n)).toBe('INTERRUPT_RANGE');
    expect(rig.ask(DEVICE, IOVA + 0x5008n), 'from the IOTLB').toBe('0xc0005008');
  });

  it('with a PASID it is memory for tables and nothing for pass-through', () => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    const root = rig.page();
    rig.map(root, 0xfee0_0000n, PA | 3n);
    rig.pasid(directory, 1, { q0: root | 0x89n, q1: 5n });
    rig.pasid(directory, 2, { q0: 0x109n, q1: 6n });
    rig.enable('scalable');
    expect(rig.ask(DEVICE, 0xfee0_0010n, Access.WRITE, 1)).toBe('0x100000010');
    expect(rig.ask(DEVICE, 0xfee0_0010n, Access.WRITE, 2)).toBe('SM_INTERRUPT_RANGE');
    expect(rig.ask(DEVICE, 0x1234_5000n, Access.WRITE, 2)).toBe('0x12345000');
  });
});

describe('pass-through', () => {
  it('gives the address as it is, up to the width of the context', () => {
    const rig = new VtdRig();
    rig.context(DEVICE, 5, { low: 8n, root: 0n });
    rig.enable();
    expect(rig.ask(DEVICE, 0x7fff_ffff_f123n)).toBe('0x7ffffffff123');
    expect(rig.ask(DEVICE, 1n << 48n)).toBe('ADDRESS_BEYOND_WIDTH');
  });
});

describe('a fault of a walk', () => {
  it('tells the stage, the level, the entry and where it lies', () => {
    const rig = new VtdRig();
    const at = rig.map(rig.context(DEVICE, 5), IOVA, PA | 1n);
    rig.enable();
    rig.ask(DEVICE, IOVA, Access.WRITE);
    expect(rig.unit.translation.fault?.details).toEqual({
      stage: 'second',
      level: 1,
      entryAddress: at,
      entry: PA | 1n,
    });
    rig.ask(0x20, IOVA);
    expect(rig.unit.translation.fault?.details).toEqual({});
  });
});

describe('zero-length reads', () => {
  it.each([
    ['pass a write-only page with ZLR', 'xeon-skylake-sp', '0x100000000'],
    ['are reads without it', 'qemu-q35-48bit', 'READ_DENIED'],
  ] as const)('%s', (_, preset, answer) => {
    const rig = new VtdRig({ preset });
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 2n);
    rig.enable();
    expect(rig.ask(DEVICE, IOVA, ZERO_LENGTH)).toBe(answer);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
    expect(rig.ask(DEVICE, 0x5000n, ZERO_LENGTH)).toBe('READ_DENIED');
  });
});

describe('the context of the last requester', () => {
  const build = (): VtdRig => {
    const rig = new VtdRig({ cachingMode: false });
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
    rig.enable();
    rig.ask(DEVICE, IOVA);
    rig.ask(DEVICE, IOVA);
    return rig;
  };

  it('is forgotten with the context cache', () => {
    const rig = build();
    rig.context(DEVICE, 6);
    rig.submit([0x11n, 0n]);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
  });

  it('and when translation is switched off', () => {
    const rig = build();
    rig.unit.write32(0x18, 0x0400_0000);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x40000000');
    rig.unit.write32(0x18, 0x8400_0000 | 0);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});

describe('caching mode', () => {
  const build = (cachingMode: boolean): VtdRig => {
    const rig = new VtdRig({ cachingMode });
    rig.enable();
    return rig;
  };

  it('keeps a context entry that is not present, under domain 0', () => {
    const rig = build(true);
    rig.contextAt(DEVICE);
    expect(rig.ask(DEVICE, IOVA)).toBe('CONTEXT_NOT_PRESENT');
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('CONTEXT_NOT_PRESENT');
    rig.submit([0x31n | (5n << 16n) | (0x18n << 32n), 0n]);
    expect(rig.ask(DEVICE, IOVA), 'not under its own domain').toBe('CONTEXT_NOT_PRESENT');
    rig.submit([0x31n | (0x18n << 32n), 0n]);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('keeps a page that is not present until it is invalidated', () => {
    const rig = build(true);
    const root = rig.context(DEVICE, 5);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
    rig.map(root, IOVA, PA | 3n);
    expect(rig.ask(DEVICE, IOVA, Access.WRITE)).toBe('WRITE_DENIED');
    rig.submit([0x32n | (5n << 16n), IOVA]);
    expect(rig.ask(DEVICE, IOVA, Access.WRITE)).toBe('0x100000000');
  });

  it('keeps a PASID entry that is not present; it has no domain', () => {
    const rig = new VtdRig({ preset: 'full', cachingMode: true });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n });
    rig.pasid(directory, 1, { q0: 0n });
    rig.enable('scalable');
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('PASID_ENTRY_NOT_PRESENT');
    const root = rig.page();
    rig.map(root, IOVA, PA | 3n);
    rig.pasid(directory, 1, { q0: root | 0x89n, q1: 5n });
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('PASID_ENTRY_NOT_PRESENT');
    rig.submit([0x17n | (5n << 16n) | (2n << 32n), 0n]);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1), 'another PASID').toBe('PASID_ENTRY_NOT_PRESENT');
    rig.submit([0x17n | (5n << 16n) | (1n << 32n), 0n]);
    expect(rig.ask(DEVICE, IOVA, Access.READ, 1)).toBe('0x100000000');
  });

  it('may be reported by a unit that keeps nothing of the kind', () => {
    const rig = new VtdRig({ cachingMode: true, caches: { negative: false } });
    const root = rig.context(DEVICE, 5);
    rig.enable();
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
    rig.map(root, IOVA, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('without it nothing of the kind is kept', () => {
    const rig = build(false);
    rig.contextAt(DEVICE);
    expect(rig.ask(DEVICE, IOVA)).toBe('CONTEXT_NOT_PRESENT');
    const root = rig.context(DEVICE, 5);
    expect(rig.ask(DEVICE, IOVA)).toBe('READ_DENIED');
    rig.map(root, IOVA, PA | 3n);
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });
});

describe('requests without PASID in scalable mode', () => {
  it('use RID_PASID, privileged with RID_PRIV', () => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x400n, high: 7n | (1n << 20n) });
    const root = rig.page();
    rig.mapFirst(root, IOVA, PA | 3n);
    rig.pasid(directory, 7, { q0: 0x41n, q1: 5n, q2: root | 1n });
    rig.enable('scalable');
    expect(rig.ask(DEVICE, IOVA), 'a supervisor page').toBe('0x100000000');
    rig.scalableContext(DEVICE, { low: 0x400n, high: 7n, directory });
    rig.submit([0x11n, 0n]);
    expect(rig.ask(DEVICE, IOVA)).toBe('USER_DENIED');
  });

  it('do not serve requests that name their PASID, from the caches either', () => {
    const rig = new VtdRig({ preset: 'full' });
    const directory = rig.scalableContext(DEVICE, { low: 0x408n, high: 7n });
    const root = rig.page();
    rig.map(root, IOVA, PA | 3n);
    rig.pasid(directory, 7, { q0: root | 0x89n, q1: 5n });
    rig.enable('scalable');
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
    expect(rig.ask(DEVICE, IOVA, Access.READ, 7)).toBe('PASID_IS_RID_PASID');
    expect(rig.ask(DEVICE, IOVA)).toBe('0x100000000');
  });

  it('serve functions above 0x7f from the upper half of the root entry', () => {
    const rig = new VtdRig({ preset: 'full' });
    const requester = 0x01f8;
    const directory = rig.scalableContext(requester, { low: 0x400n });
    const root = rig.page();
    rig.map(root, IOVA, PA | 3n);
    rig.pasid(directory, 0, { q0: root | 0x89n, q1: 5n });
    rig.enable('scalable');
    expect(rig.ask(requester, IOVA)).toBe('0x100000000');
    expect(rig.ask(0x0178, IOVA)).toBe('SM_ROOT_NOT_PRESENT');
  });
});

describe('counters and provenance', () => {
  it('count hits, misses, reads and faults', () => {
    const rig = new VtdRig();
    rig.map(rig.context(DEVICE, 5), IOVA, PA | 3n);
    rig.enable();
    rig.ask(DEVICE, IOVA);
    rig.ask(DEVICE, IOVA + 8n);
    rig.ask(DEVICE, 0x5000n);
    expect(rig.unit.counters).toMatchObject({ translations: 3, iotlbHits: 1, iotlbMisses: 2, faults: 1 });
    // Root, context, four levels; then one entry below the cached table of level 3.
    expect(rig.unit.counters.walkReads).toBe(7);
  });

  it('says who filled an entry, when asked to', () => {
    const rig = new VtdRig({ caches: { provenance: true } });
    const root = rig.context(DEVICE, 5);
    rig.map(root, IOVA, PA | 3n);
    const path = [4, 3, 2, 1].map((level) => rig.load(rig.entryAt(root, 4, IOVA, level)));
    rig.enable();
    rig.ask(DEVICE, IOVA);
    const { iotlb } = rig.unit.caches;
    expect(iotlb.lookup(0, Number(IOVA), 5, NO_PASID)).toBe(true);
    expect(iotlb.provenanceOf(iotlb.index)).toEqual({
      sequence: 1,
      time: 0,
      cause: 'requester 0x18',
      words: path,
    });
  });
});
