import { Access, DeviceTlb, NO_PASID, tlbEndpoint } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VtdRig } from './rig.js';

const DEVICE = 0x0018;
const IOVA = 0x4000_0000;
const TRANSLATED = Access.READ | Access.TRANSLATED;

/** A device with a TLB on a legacy context with TT = 1. */
function make(): { rig: VtdRig; tlb: DeviceTlb; at: bigint } {
  const rig = new VtdRig({ preset: 'xeon-skylake-sp' });
  const at = rig.map(rig.context(DEVICE, 5, { low: 4n }), BigInt(IOVA), 0x1_0000_0001n);
  const tlb = new DeviceTlb(rig.unit, DEVICE);
  rig.unit.connectEndpoint(DEVICE, tlbEndpoint(tlb));
  return { rig: rig.enable(), tlb, at };
}

describe('a device TLB behind the unit', () => {
  it('keeps an answer until it is told to forget', () => {
    const { rig, tlb, at } = make();
    expect(tlb.translate(NO_PASID, 0, IOVA, Access.READ)).toBe(true);
    expect([tlb.paHi, tlb.paLo]).toEqual([1, 0]);
    rig.store(at, 0n);
    rig.submit([0xd2n, 0n]);
    expect(tlb.translate(NO_PASID, 0, IOVA + 8, Access.READ), 'the IOTLB invalidation does not reach it').toBe(true);
    rig.submit([3n | (0x18n << 32n), BigInt(IOVA)]);
    expect(tlb.used).toBe(0);
    expect(tlb.translate(NO_PASID, 0, IOVA, Access.READ)).toBe(false);
    expect(tlb.requests).toBe(2);
  });

  it('gets the rights that are there, and no fault is recorded for the others', () => {
    const { rig, tlb } = make();
    expect(tlb.translate(NO_PASID, 0, IOVA, Access.WRITE)).toBe(false);
    expect(tlb.translate(NO_PASID, 0, 0x5000, Access.READ)).toBe(false);
    expect(rig.unit.read32(0x34)).toBe(0);
    const asked = Access.READ | Access.WRITE | Access.TRANSLATION_REQUEST;
    expect(rig.ask(DEVICE, BigInt(IOVA), asked)).toBe('0x100000000');
    expect(rig.unit.translation.permissions).toBe(Access.READ);
  });

  it('translated requests pass only where the context allows device TLBs', () => {
    const { rig } = make();
    expect(rig.ask(DEVICE, 0x1_0000_0000n, TRANSLATED)).toBe('0x100000000');
    rig.context(0x20, 6);
    expect(rig.ask(0x20, 0x1_0000_0000n, TRANSLATED)).toBe('REQUEST_TYPE_BLOCKED');
    const high = rig.register(0x108);
    expect((high >> 60n) & 3n, 'AT of a translated request').toBe(2n);
  });
});
