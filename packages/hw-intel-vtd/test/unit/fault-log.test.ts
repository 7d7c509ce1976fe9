import { Access } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { VTD_PRESETS } from '../../src/index.js';
import { VtdRig } from './rig.js';

const FSTS = 0x34;
const FECTL = 0x38;
const FRO = 0x400;
const PFO = 1;
const PPF = 2;

/** A unit with `records` fault recording registers; every request faults, each requester on its own. */
function make(records: number): { rig: VtdRig; fault: (requester: number, iova?: bigint) => string } {
  const rig = new VtdRig({ preset: 'full', faultRecords: records }).enable();
  return {
    rig,
    fault: (requester, iova = 0x5000n) => {
      rig.ask(requester, iova);
      return rig.unit.translation.fault!.recorded;
    },
  };
}

const clear = (rig: VtdRig, record: number): void => rig.unit.write32(FRO + record * 16 + 12, 0x8000_0000 | 0);
const fri = (rig: VtdRig): number => (rig.unit.read32(FSTS) >>> 8) & 0xff;

describe('fault recording', () => {
  it('fills the records in turn and shows the first pending one', () => {
    const { rig, fault } = make(8);
    expect([1, 2, 3].map((requester) => fault(requester))).toEqual(['recorded', 'recorded', 'recorded']);
    expect(fri(rig)).toBe(0);
    expect(rig.unit.read32(FSTS) & (PPF | PFO)).toBe(PPF);
    expect([0, 1, 2].map((at) => rig.unit.read32(FRO + at * 16 + 8) & 0xffff)).toEqual([1, 2, 3]);
    for (const at of [0, 1, 2]) clear(rig, at);
    expect(rig.unit.read32(FSTS)).toBe(0);
    fault(4);
    expect(fri(rig), 'FRI is latched when PPF rises').toBe(3);
  });

  it('collapses a requester that is pending already', () => {
    const { rig, fault } = make(8);
    fault(1, 0x5000n);
    expect(fault(1, 0x9000n)).toBe('collapsed');
    expect(rig.register(FRO)).toBe(0x5000n);
    expect(rig.unit.read32(FRO + 16 + 12)).toBe(0);
  });

  it('overflows when the next record is pending, and records nothing until PFO is cleared', () => {
    const { rig, fault } = make(2);
    expect([1, 2, 3].map((requester) => fault(requester))).toEqual(['recorded', 'recorded', 'overflow']);
    expect(rig.unit.read32(FSTS) & (PFO | PPF)).toBe(PFO | PPF);
    clear(rig, 0);
    expect(fault(4), 'a record is free, but PFO is set').toBe('overflow');
    rig.unit.write32(FSTS, PFO);
    expect(fault(4)).toBe('recorded');
    expect(rig.unit.read32(FRO + 8) & 0xffff).toBe(4);
  });

  it('wraps around', () => {
    const { rig, fault } = make(2);
    for (let requester = 1; requester <= 5; requester++) {
      expect(fault(requester)).toBe('recorded');
      clear(rig, (requester - 1) % 2);
    }
    expect(rig.unit.read32(FRO + 8) & 0xffff).toBe(5);
  });

  it('starts over at the first record once neither DMA nor interrupts are remapped', () => {
    const { rig, fault } = make(8);
    fault(1);
    clear(rig, 0);
    // Interrupt remapping alone keeps the index.
    rig.unit.write32(0x18, 0x0600_0000);
    rig.unit.write32(0x18, 0x8600_0000 | 0);
    fault(2);
    expect(rig.unit.read32(FRO + 16 + 8) & 0xffff).toBe(2);
    clear(rig, 1);
    rig.unit.write32(0x18, 0x0400_0000);
    rig.unit.write32(0x18, 0x8400_0000 | 0);
    fault(3);
    expect(rig.unit.read32(FRO + 8) & 0xffff).toBe(3);
  });

  it.each([
    ['a unit with device TLBs', {}, 1],
    ['a unit without', { ecap: VTD_PRESETS.full.ecap & ~4n }, 0],
  ])('AT of a translation request in the record of %s', (_, options, at) => {
    const rig = new VtdRig({ preset: 'full', ...options }).enable();
    rig.ask(1, 0x5000n, Access.READ | Access.TRANSLATION_REQUEST);
    expect((rig.unit.read32(FRO + 12) >>> 28) & 3).toBe(at);
  });

  it('PPF cannot be cleared by writing it', () => {
    const { rig, fault } = make(1);
    fault(1);
    rig.unit.write32(FSTS, -1);
    expect(rig.unit.read32(FSTS)).toBe(PPF);
  });
});

describe('fault event', () => {
  const address = 0xfee0_2000;
  const wire = (rig: VtdRig, control: number): void => {
    rig.unit.write32(0x3c, 0x1_0032);
    rig.unit.write32(0x40, address | 0);
    rig.unit.write32(0x44, 1);
    rig.unit.write32(FECTL, control);
  };

  it('is sent once while a status bit stays set', () => {
    const { rig, fault } = make(8);
    wire(rig, 0);
    fault(1);
    fault(2);
    expect(rig.messages).toEqual([[0x1_fee0_2000n, 0x32]]);
    clear(rig, 0);
    clear(rig, 1);
    fault(3);
    expect(rig.messages).toHaveLength(2);
  });

  it('waits in IP while masked and leaves on unmask', () => {
    const { rig, fault } = make(8);
    wire(rig, 0x8000_0000 | 0);
    fault(1);
    expect(rig.unit.read32(FECTL)).toBe(0xc000_0000 | 0);
    expect(rig.messages).toEqual([]);
    rig.unit.write32(FECTL, 0);
    expect(rig.messages).toHaveLength(1);
    expect(rig.unit.read32(FECTL)).toBe(0);
  });

  it('is withdrawn when nothing is pending any more', () => {
    const { rig, fault } = make(8);
    fault(1);
    clear(rig, 0);
    expect(rig.unit.read32(FECTL)).toBe(0x8000_0000 | 0);
    rig.unit.write32(FECTL, 0);
    expect(rig.messages).toEqual([]);
  });
});
