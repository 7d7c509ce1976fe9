import { Access, NO_PASID, PrgResponseCode } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { SMMU_V3_PRESETS, type SmmuV3Options } from '../../src/index.js';
import { PAGE, SmmuRig } from './rig.js';

const { server } = SMMU_V3_PRESETS;
const CMDQ_CONS = 0x9c;
const GERROR = 0x60;
const GERRORN = 0x64;
const SYNC = 0x46n;
const CS_IRQ = 1n << 12n;
const CS_SEV = 2n << 12n;
const HOLE = 0x8000_0000n;

/** CONS.ERR [30:24] and its index. */
const consumer = (rig: SmmuRig): [error: number, index: number] => [
  (rig.read(CMDQ_CONS) >>> 24) & 0x7f,
  rig.read(CMDQ_CONS) & 0xf_ffff,
];

/** The server's unit has no SEV: these tests wire it. */
const started = (options: SmmuV3Options = {}): SmmuRig => {
  const idr0 = (options.idr0 ?? server.idr0) | 0x4000;
  return new SmmuRig({ ...options, idr0 }).enable();
};

describe('the command queue', () => {
  it('runs commands in order over the wrap and stops at the producer', () => {
    const rig = started();
    for (let round = 0; round < 5; round++) rig.submit(...Array.from({ length: 100 }, () => [SYNC] as const));
    expect(consumer(rig)).toEqual([0, 500 & 0x1ff]);
    expect(rig.read(0x98)).toBe(500 & 0x1ff);
    expect(rig.unit.counters.commands).toBe(500);
  });

  it('waits while CMDQEN is 0', () => {
    const rig = started();
    rig.unit.write32(0x20, 0x5);
    rig.submit([SYNC]);
    expect(consumer(rig)).toEqual([0, 0]);
    rig.unit.write32(0x20, 0xd);
    expect(consumer(rig)).toEqual([0, 1]);
  });

  it('is stepped command by command', () => {
    const rig = started({ completion: 'stepped' });
    rig.submit([SYNC], [SYNC], [SYNC]);
    expect(consumer(rig)).toEqual([0, 0]);
    expect(rig.unit.step(2)).toBe(2);
    expect(consumer(rig)).toEqual([0, 2]);
    expect(rig.unit.step()).toBe(1);
    expect(rig.unit.step()).toBe(0);
  });

  it('stops at an illegal command until GERRORN acknowledges, and goes on with what is in the slot then', () => {
    const rig = started();
    const bad = rig.nextSlot;
    rig.submit([0x77n], [SYNC | CS_SEV]);
    expect(consumer(rig)).toEqual([1, 0]);
    expect(rig.read(GERROR)).toBe(1);
    expect(rig.interrupts).toEqual(['gerror']);
    // More commands do not wake it, nor does the same value.
    rig.submit([SYNC | CS_SEV]);
    rig.unit.write32(GERRORN, 0);
    expect(consumer(rig)).toEqual([1, 0]);
    rig.unit.write32(GERRORN, 1);
    expect(consumer(rig), 'the slot still holds it').toEqual([1, 0]);
    expect(rig.read(GERROR)).toBe(0);
    rig.store(bad, SYNC, 0n);
    rig.unit.write32(GERRORN, 0);
    expect(consumer(rig)[1]).toBe(3);
    expect(rig.interrupts).toEqual(['gerror', 'gerror', 'event', 'event']);
    expect(rig.read(GERROR)).toBe(0);
  });

  it('is not stopped by software that toggles GERRORN of an error that is not active', () => {
    const rig = started();
    rig.unit.write32(GERRORN, 1);
    rig.submit([SYNC]);
    expect(consumer(rig)).toEqual([0, 1]);
    rig.submit([0x77n]);
    expect(consumer(rig)).toEqual([1, 1]);
    expect((rig.read(GERROR) ^ rig.read(GERRORN)) & 1, 'active').toBe(1);
    expect(rig.interrupts).toEqual(['gerror']);
  });

  it('reports an abort when it cannot fetch, and fetches again after the acknowledgement', () => {
    const rig = new SmmuRig();
    rig.enable();
    rig.unit.write32(0x20, 5);
    rig.unit.write64(0x90, 0, Number(HOLE) | 8 | 0);
    rig.unit.write32(0x20, 0xd);
    rig.submit([SYNC]);
    expect(consumer(rig)).toEqual([2, 0]);
    expect(rig.read(GERROR)).toBe(1);
    rig.unit.write32(GERRORN, 1);
    expect(consumer(rig)).toEqual([2, 0]);
    expect(rig.read(GERROR)).toBe(0);
  });

  it('reports a device that did not answer at the CMD_SYNC, which it runs again', () => {
    const rig = started();
    rig.atcAnswer = 'timed-out';
    rig.submit([0x10_0000_0040n, 52n], [0x30n], [SYNC | CS_SEV]);
    expect(consumer(rig)).toEqual([3, 2]);
    expect(rig.interrupts).toEqual(['gerror']);
    rig.unit.write32(GERRORN, 1);
    expect(consumer(rig)[1]).toBe(3);
    expect(rig.interrupts).toEqual(['gerror', 'event']);
  });

  it('does not wait for stalled transactions', () => {
    const rig = started();
    rig.stream(0x10, { flags: 7n << 44n });
    rig.ask(0x10, 0x1000n);
    rig.submit([SYNC | CS_SEV]);
    expect(rig.interrupts).toContain('event');
  });

  const illegal: [name: string, q0: bigint, options: SmmuV3Options, q1?: bigint][] = [
    ['TLBI_NH_VA with a granule, but neither range nor level', 0x12n, {}, 1n << 10n],
    ['TLBI_S2_IPA with 16K and the reserved level', 0x2an, {}, (2n << 10n) | (1n << 8n)],
    ['opcode 0', 0n, {}],
    ['opcode 0xff', 0xffn, {}],
    ['TLBI_EL3_ALL from a non-secure queue', 0x18n, {}],
    ['TLBI_EL3_VA from a non-secure queue', 0x1an, {}],
    ['CMD_SYNC with the reserved signal', SYNC | (3n << 12n), {}],
    ['CFGI_STE of a secure stream', 0x03n | (1n << 10n), {}],
    ['CFGI_CD of a secure stream', 0x05n | (1n << 10n), {}],
    ['RESUME of a secure stream', 0x44n | (1n << 10n), {}],
    ['STALL_TERM of a secure stream', 0x45n | (1n << 10n), {}],
    ['PREFETCH_CONFIG of a secure stream', 0x01n | (1n << 10n), {}],
    ['PREFETCH_ADDR of a secure stream', 0x02n | (1n << 10n), {}],
    ['TLBI_S12_VMALL without stage 2', 0x28n, { idr0: server.idr0 & ~1 }],
    ['TLBI_S2_IPA without stage 2', 0x2an, { idr0: server.idr0 & ~1 }],
    ['TLBI_EL2_ALL without HYP', 0x20n, { idr0: server.idr0 & ~0x200 }],
    ['TLBI_EL2_ASID without HYP', 0x21n, { idr0: server.idr0 & ~0x200 }],
    ['TLBI_EL2_VA without HYP', 0x22n, { idr0: server.idr0 & ~0x200 }],
    ['TLBI_EL2_VAA without HYP', 0x23n, { idr0: server.idr0 & ~0x200 }],
    ['TLBI_NH_ALL without stage 1', 0x10n, { idr0: server.idr0 & ~2 }],
    ['TLBI_NH_ASID without stage 1', 0x11n, { idr0: server.idr0 & ~2 }],
    ['TLBI_NH_VA without stage 1', 0x12n, { idr0: server.idr0 & ~2 }],
    ['TLBI_NH_VAA without stage 1', 0x13n, { idr0: server.idr0 & ~2 }],
    ['CFGI_CD without stage 1', 0x05n, { idr0: server.idr0 & ~2 }],
    ['CFGI_CD_ALL without stage 1', 0x06n, { idr0: server.idr0 & ~2 }],
    ['ATC_INV without ATS', 0x40n, { idr0: server.idr0 & ~0x400 }],
    ['PRI_RESP without PRI', 0x41n, { idr0: server.idr0 & ~0x1_0000 }],
    ['RESUME without stalls', 0x44n, { idr0: server.idr0 | (1 << 24) }],
    ['STALL_TERM without stalls', 0x45n, { idr0: server.idr0 | (1 << 24) }],
  ];
  it.each(illegal)('refuses %s', (_, q0, options, q1 = 0n) => {
    const rig = started(options);
    rig.submit([q0, q1]);
    expect(consumer(rig)).toEqual([1, 0]);
  });

  it('takes a granule alone as one page on a unit before SMMUv3.2, as recorded', () => {
    const rig = started({ aidr: 1 });
    rig.submit([0x12n, 1n << 10n]);
    expect(consumer(rig)).toEqual([0, 1]);
  });

  it.each([0x01n, 0x02n, 0x03n, 0x04n, 0x05n, 0x06n, 0x10n, 0x20n, 0x28n, 0x30n, 0x40n, 0x41n, 0x44n, 0x45n, 0x46n])(
    'runs opcode 0x%s on a unit with everything',
    (opcode) => {
      const rig = started();
      rig.submit([opcode]);
      expect(consumer(rig)).toEqual([0, 1]);
    },
  );
});

describe('CMD_SYNC', () => {
  it('completes without a signal where the unit sends no events (IDR0.SEV)', () => {
    const rig = new SmmuRig({ idr0: server.idr0 & ~0x4000 }).enable();
    rig.submit([SYNC | CS_SEV]);
    expect(consumer(rig)).toEqual([0, 1]);
    expect(rig.interrupts).toEqual([]);
  });

  it('completes without a signal, with an event, a wired interrupt or a message', () => {
    const rig = started();
    rig.submit([SYNC], [SYNC | CS_SEV], [SYNC | CS_IRQ]);
    expect(rig.interrupts).toEqual(['event', 'sync']);
    const at = rig.page();
    rig.submit([SYNC | CS_IRQ | (0x1234_5678n << 32n), at + 8n]);
    expect(rig.load(at + 8n)).toBe(0x1234_5678n);
    expect(rig.interrupts).toEqual(['event', 'sync']);
  });

  it('writes its own slot, as Linux polls it', () => {
    const rig = started();
    const slot = rig.nextSlot;
    rig.submit([SYNC | CS_IRQ, slot]);
    expect(rig.load(slot) & 0xffff_ffffn).toBe(0n);
  });

  it('uses the wire when the unit has no messages', () => {
    const rig = started({ idr0: server.idr0 & ~(1 << 13) });
    rig.submit([SYNC | CS_IRQ, rig.page()]);
    expect(rig.interrupts).toEqual(['sync']);
  });

  it('sends no message about a message of GERROR that was lost', () => {
    const rig = new SmmuRig().enable();
    rig.unit.write32(0x50, 0);
    rig.unit.write64(0x68, 0, Number(HOLE) | 0);
    rig.unit.write32(0x50, 1);
    let writes = 0;
    const { memory } = rig;
    const store = memory.store32.bind(memory);
    memory.store32 = (...words) => {
      writes++;
      return store(...words);
    };
    rig.submit([0x77n]);
    expect(rig.read(GERROR)).toBe((1 << 7) | 1);
    expect(writes).toBe(1);
  });

  it('reports a message that meets no memory', () => {
    const rig = started();
    rig.submit([SYNC | CS_IRQ, HOLE]);
    expect(consumer(rig)).toEqual([0, 1]);
    expect(rig.read(GERROR)).toBe(1 << 4);
  });
});

describe('ATC_INV and PRI_RESP', () => {
  it('name a power of two of pages, one page, or everything', () => {
    const rig = started();
    const q0 = 0x10_0000_0040n;
    const ssid = q0 | (1n << 11n) | (7n << 12n);
    rig.submit(
      [q0, 0x1234_5000n],
      [q0, 0x1234_5003n],
      [ssid, 52n],
      [ssid | (1n << 9n), 0x1000n],
      [q0 | (1n << 9n), 0n],
    );
    expect(rig.atc).toEqual([
      [NO_PASID, 0x1234_5000n, 0x1234_5fffn],
      [NO_PASID, 0x1234_0000n, 0x1234_7fffn],
      [7, 0n, (1n << 64n) - 1n],
      // G names all substreams, and means nothing without one.
      [undefined, 0x1000n, 0x1fffn],
      [NO_PASID, 0n, 0xfffn],
    ]);
  });

  it('answer a group of a device', () => {
    const rig = started();
    rig.submit(
      [0x10_0000_0041n, 5n | (2n << 12n)],
      [0x10_0000_0041n | (1n << 11n) | (3n << 12n), 0x1ffn | (1n << 12n)],
    );
    rig.submit([0x10_0000_0041n, 6n]);
    expect(rig.responses).toEqual([
      { requesterId: 0x10, pasid: undefined, groupIndex: 5, code: PrgResponseCode.SUCCESS },
      { requesterId: 0x10, pasid: 3, groupIndex: 0x1ff, code: PrgResponseCode.INVALID_REQUEST },
      { requesterId: 0x10, pasid: undefined, groupIndex: 6, code: PrgResponseCode.FAILURE },
    ]);
  });

  it('refuse the reserved response, and reach no device while SMMUEN is 0', () => {
    const rig = started();
    rig.submit([0x10_0000_0041n, 3n << 12n]);
    expect(consumer(rig)).toEqual([1, 0]);
    const off = new SmmuRig().enable();
    off.unit.write32(0x20, 8);
    off.submit([0x10_0000_0041n, 2n << 12n], [0x10_0000_0040n, 52n], [0x20_0000_0040n, 52n]);
    expect(consumer(off)).toEqual([0, 3]);
    expect([off.atc, off.responses]).toEqual([[], []]);
  });

  it('do not wait for a device that is not there', () => {
    const rig = started();
    rig.submit([0x20_0000_0040n, 52n], [0x20_0000_0041n, 2n << 12n], [SYNC]);
    expect(consumer(rig)).toEqual([0, 3]);
  });

  it('do not touch the TLB', () => {
    const rig = new SmmuRig();
    const root = rig.stream(0x10);
    rig.map(root, 0x1000n, 0x1_0000_0000n | PAGE);
    rig.enable();
    rig.ask(0x10, 0x1000n);
    rig.map(root, 0x1000n, 0n);
    rig.submit([0x10_0000_0040n, 52n]);
    expect(rig.ask(0x10, 0x1000n, Access.READ)).toBe('0x100000000');
  });
});
