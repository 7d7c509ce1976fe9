import { describe, expect, it } from 'vitest';
import { testProcess } from './process-fixture.js';

describe('ScratchArea', () => {
  it('lends disjoint, writable, aligned memory and takes it back', () => {
    const { process } = testProcess();
    const { scratch, addressSpace } = process;
    const addresses = scratch.borrow(5, (outer) => scratch.borrow(40, (inner) => [outer, inner]));
    expect(addresses[1]! - addresses[0]!).toBe(16n);
    expect(addresses.map((addr) => addr % 16n)).toEqual([0n, 0n]);
    scratch.borrow(40, (addr) => {
      expect(addr).toBe(addresses[0]);
      expect(addressSpace.copyOut(addr, new Uint8Array(40))).toBe(40);
    });
  });

  it('takes memory back also from a call that throws', () => {
    const { scratch } = testProcess().process;
    const first = scratch.borrow(16, (addr) => addr);
    const fail = () => {
      throw new Error('bug');
    };
    expect(() => scratch.borrow(16, fail)).toThrow('bug');
    expect(scratch.borrow(16, (addr) => addr)).toBe(first);
  });

  it('is not there before its first use and refuses more than it has', () => {
    const { scratch, addressSpace } = testProcess().process;
    expect(addressSpace.peek(0x7ff0_0000_0000n, 1)).toHaveLength(0);
    expect(() => scratch.borrow(0x1000_0001, () => 0)).toThrow(RangeError);
  });
});
