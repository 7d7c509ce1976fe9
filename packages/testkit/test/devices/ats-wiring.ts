import { hi32, lo32, read64, write64, type DeviceTlbRange } from '@ioasis/core';
import { AmdViUnit } from '@ioasis/hw-amd-vi';
import { SmmuV3Unit } from '@ioasis/hw-arm-smmuv3';
import { VtdUnit } from '@ioasis/hw-intel-vtd';
import type { AtsDevice, TestMachine } from '../../src/index.js';
import { SMMU_WITH_ATS } from './ats-machine.js';

/** Has the unit of a machine invalidate one page of the device's TLB, by a command in its queue. */
export type InvalidatePage = (iova: bigint) => void;

/** Connects the device to its unit as the PCIe messages of ATS do. */
export function wire(pc: TestMachine<AtsDevice>): InvalidatePage {
  const { unit } = pc;
  if (unit instanceof VtdUnit) return wireVtd(pc, unit);
  if (unit instanceof AmdViUnit) return wireAmd(pc, unit);
  if (unit instanceof SmmuV3Unit) return wireSmmu(pc, unit);
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
function wireVtd(pc: TestMachine<AtsDevice>, unit: VtdUnit): InvalidatePage {
  const [IQT, IQA] = [0x88, 0x90];
  unit.connectEndpoint(pc.requesterId, {
    invalidateTlb(range) {
      pc.device.invalidate(range);
      return 'completed';
    },
    pageGroupResponse: () => undefined,
  });
  return (iova) => {
    const tail = read64(unit, IQT);
    store(pc, (read64(unit, IQA) & ~0xfffn) + tail, [3n | (BigInt(pc.requesterId) << 32n), iova]);
    write64(unit, IQT, tail + 16n);
  };
}

/** 48882 2.4.4, INVALIDATE_IOTLB_PAGES: opcode 4 in [63:60], the device in [15:0]; the page in the second word. */
function wireAmd(pc: TestMachine<AtsDevice>, unit: AmdViUnit): InvalidatePage {
  const [BASE, TAIL] = [0x08, 0x2008];
  unit.connectEndpoint(pc.requesterId, {
    invalidateTlb: (range) => pc.device.invalidate(range),
    pageResponse: () => undefined,
  });
  return (iova) => {
    const tail = read64(unit, TAIL);
    store(pc, (read64(unit, BASE) & 0xf_ffff_ffff_f000n) + tail, [(4n << 60n) | BigInt(pc.requesterId), iova]);
    write64(unit, TAIL, tail + 16n);
  };
}

/**
 * IHI 0070 4.5.1, CMD_ATC_INV: opcode 0x40, the stream in [63:32]; the page in the second word. An SMMU's messages go where its maker
 * wires them, and the backend wires them nowhere: a second unit on the same tables has them.
 */
function wireSmmu(pc: TestMachine<AtsDevice>, driven: SmmuV3Unit): InvalidatePage {
  const register = {
    CR0: 0x20,
    CR1: 0x28,
    CR2: 0x2c,
    STRTAB_BASE: 0x80,
    STRTAB_BASE_CFG: 0x88,
    CMDQ_BASE: 0x90,
    CMDQ_PROD: 0x98,
  };
  const [queue, log2size] = [0x1_0000n, 4n];
  const unit = new SmmuV3Unit({
    memory: pc.machine.memory,
    // The driver does not know of it and would not invalidate its caches.
    options: { ...SMMU_WITH_ATS, caches: false },
    ports: {
      interrupt: () => undefined,
      sendEvent: () => undefined,
      invalidateAtc: (_streamId, pasid, start, last) => pc.device.invalidate(rangeOf(pasid, start, last)),
      pageResponse: () => undefined,
      resume: () => undefined,
    },
  });
  for (const offset of [register.CR1, register.CR2, register.STRTAB_BASE_CFG])
    unit.write32(offset, driven.read32(offset));
  write64(unit, register.STRTAB_BASE, read64(driven, register.STRTAB_BASE));
  write64(unit, register.CMDQ_BASE, queue | log2size);
  unit.write32(register.CR0, 0x9); // SMMUEN, CMDQEN
  pc.device.link({ unit });
  return (iova) => {
    const index = unit.read32(register.CMDQ_PROD);
    store(pc, queue + BigInt(16 * index), [0x40n | (BigInt(pc.requesterId) << 32n), iova]);
    unit.write32(register.CMDQ_PROD, index + 1);
  };
}

const rangeOf = (pasid: number, start: bigint, last: bigint): DeviceTlbRange => ({
  pasid,
  startHi: hi32(start),
  startLo: lo32(start),
  lastHi: hi32(last),
  lastLo: lo32(last),
});
