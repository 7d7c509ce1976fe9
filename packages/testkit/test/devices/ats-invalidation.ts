import { hi32, lo32, read64, write64 } from '@ioasis/core';
import { AmdViUnit } from '@ioasis/hw-amd-vi';
import { SmmuV3Unit } from '@ioasis/hw-arm-smmuv3';
import { VtdUnit } from '@ioasis/hw-intel-vtd';
import type { AtsDevice, TestMachine } from '../../src/index.js';

/** Has the unit of a machine invalidate one page of the device's TLB, by a command in its queue. */
export type InvalidatePage = (iova: bigint) => void;

/** The command that has the unit of a machine invalidate a page in the device's TLB. */
export function invalidation(pc: TestMachine<AtsDevice>): InvalidatePage {
  const { unit } = pc;
  if (unit instanceof VtdUnit) return vtdInvalidation(pc, unit);
  if (unit instanceof AmdViUnit) return amdInvalidation(pc, unit);
  if (unit instanceof SmmuV3Unit) return smmuInvalidation(pc, unit);
  throw new Error('no unit with ATS');
}

/** Two 64-bit words of a queue's entry. */
function store({ machine: { memory } }: TestMachine<AtsDevice>, address: bigint, words: readonly bigint[]): void {
  words.forEach((word, index) => {
    const at = address + BigInt(8 * index);
    memory.store64(hi32(at), lo32(at), hi32(word), lo32(word));
  });
}

/** VT-d 6.5.2.5, Device-TLB Invalidate Descriptor: type 3, SID [47:32]; the page in the second word. */
function vtdInvalidation(pc: TestMachine<AtsDevice>, unit: VtdUnit): InvalidatePage {
  const [IQT, IQA] = [0x88, 0x90];
  return (iova) => {
    const tail = read64(unit, IQT);
    store(pc, (read64(unit, IQA) & ~0xfffn) + tail, [3n | (BigInt(pc.requesterId) << 32n), iova]);
    write64(unit, IQT, tail + 16n);
  };
}

/** 48882 2.4.4, INVALIDATE_IOTLB_PAGES: opcode 4 in [63:60], the device in [15:0]; the page in the second word. */
function amdInvalidation(pc: TestMachine<AtsDevice>, unit: AmdViUnit): InvalidatePage {
  const [BASE, TAIL] = [0x08, 0x2008];
  return (iova) => {
    const tail = read64(unit, TAIL);
    store(pc, (read64(unit, BASE) & 0xf_ffff_ffff_f000n) + tail, [(4n << 60n) | BigInt(pc.requesterId), iova]);
    write64(unit, TAIL, tail + 16n);
  };
}

/** IHI 0070 4.5.1, CMD_ATC_INV: opcode 0x40, the stream in [63:32]; the page in the second word. PROD wraps with a bit above the index. */
function smmuInvalidation(pc: TestMachine<AtsDevice>, unit: SmmuV3Unit): InvalidatePage {
  const [BASE, PROD] = [0x90, 0x98];
  return (iova) => {
    const base = read64(unit, BASE);
    const size = 2 ** Number(base & 0x1fn);
    const prod = unit.read32(PROD);
    const queue = base & 0xf_ffff_ffff_ffe0n;
    store(pc, queue + BigInt(16 * (prod & (size - 1))), [0x40n | (BigInt(pc.requesterId) << 32n), iova]);
    unit.write32(PROD, (prod + 1) & (2 * size - 1));
  };
}
