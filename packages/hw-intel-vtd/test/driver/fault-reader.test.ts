import { Access, type MmioWindow } from '@ioasis/core';
import { describe, expect, it } from 'vitest';
import { FaultReason } from '../../src/index.js';
import { FaultReader, logLine } from '../../src/driver/fault-reader.js';
import { VtdRig } from '../unit/rig.js';

const FSTS = 0x34;
/** FSTS: records pending, fault lost. */
const PPF = 2;
const PFO = 1;
const RECORDS = 4;

/** A unit whose root table is empty: every requester faults. Its fault event is masked, as after reset. */
function faulting(mode: 'legacy' | 'scalable' = 'legacy') {
  const preset = mode === 'legacy' ? 'qemu-q35-48bit' : 'full';
  const rig = new VtdRig({ preset, faultRecords: RECORDS }).enable(mode);
  const offset = rig.unit.configuration.capabilities.faultRecordOffset;
  return { rig, offset, reader: new FaultReader(rig.unit, offset, RECORDS) };
}

describe('the fault reader', () => {
  it('reads nothing where nothing is pending', () => {
    const { reader } = faulting();
    reader.drain();
    expect(reader.faults).toEqual([]);
  });

  it('reads several records in order, from FRI on and over the end, and gives them back', () => {
    const { rig, offset, reader } = faulting();
    const ask = (sids: readonly number[]): void => sids.forEach((sid) => void rig.ask(sid, BigInt(sid) << 12n));
    ask([1, 2, 3]);
    reader.drain();
    ask([4, 5, 6]);
    // The fourth record, then the first two.
    expect((rig.unit.read32(FSTS) >> 8) & 0xff).toBe(3);
    reader.drain();
    expect(reader.faults.map(({ sourceId, address }) => [sourceId, address])).toEqual(
      [1, 2, 3, 4, 5, 6].map((sid) => [sid, BigInt(sid) << 12n]),
    );
    for (let at = 0; at < RECORDS; at++) expect(rig.unit.read32(offset + at * 16 + 12) >>> 31).toBe(0);
    expect(rig.unit.read32(FSTS) & (PPF | PFO)).toBe(0);
  });

  it('reads all records when all are pending, and clears the overflow, so that new faults are recorded', () => {
    const { rig, reader } = faulting();
    for (let sid = 1; sid <= 6; sid++) rig.ask(sid, 0n);
    expect(rig.unit.read32(FSTS) & (PPF | PFO)).toBe(PPF | PFO);
    reader.drain();
    expect(reader.faults.map(({ sourceId }) => sourceId)).toEqual([1, 2, 3, 4]);
    expect(rig.unit.read32(FSTS) & (PPF | PFO)).toBe(0);
    rig.ask(7, 0n);
    reader.drain();
    expect(reader.faults.at(-1)?.sourceId).toBe(7);
    expect(reader.faults).toHaveLength(5);
  });

  it('keeps the newest 4096', () => {
    const { rig, reader } = faulting();
    for (let sid = 0; sid < 4100; sid++) {
      rig.ask(sid, 0n);
      reader.drain();
    }
    expect(reader.faults).toHaveLength(4096);
    expect([reader.faults[0]?.sourceId, reader.faults.at(-1)?.sourceId]).toEqual([4, 4099]);
  });

  it('names the PASID of a request that has one', () => {
    const { rig, reader } = faulting('scalable');
    rig.ask(0x1234, 0xffff_8000_1234_5678n, Access.WRITE, 0xabcde);
    reader.drain();
    expect(reader.faults).toMatchObject([{ pasid: 0xabcde, kind: 'write', reason: 0x39, sourceId: 0x1234 }]);
    expect(reader.faults[0]?.line).toContain(
      'DMAR: [DMA Write PASID 0xabcde] Request device [12:06.4] fault addr 0xffff800012345000 [fault reason 0x39] ',
    );
  });

  it.each([
    [0, 'Write'],
    [1, 'Write'],
    [2, 'Read'],
    [3, 'Read'],
  ])('calls a request of type {T1,T2} = %i a %s, as Linux does', (type, access) => {
    const words = new Int32Array(0x100);
    // VT-d 11.4.14: address; SID with T2 in bit 28; FR in bits 7:0, T1 in bit 30, F in bit 31.
    words.set([0x5678_9000, 0x1234, 0x00f8 | ((type & 1) << 28), 0x8000_0005 | ((type >> 1) << 30)], 0x220 >> 2);
    const window: MmioWindow = {
      mmioBytes: 0x400,
      read32: (at) => words[at >> 2]!,
      write32: (at, value) => void (words[at >> 2]! &= at === 0x22c ? ~value : -1),
      write64: () => undefined,
    };
    const reader = new FaultReader(window, 0x220, 1);
    reader.drain();
    expect(reader.faults.map(({ line }) => line)).toEqual([
      `DMAR: [DMA ${access} NO_PASID] Request device [00:1f.0] fault addr 0x123456789000 [fault reason 0x05] PTE Write access is not set`,
    ]);
  });

  it("has Linux's words for the reasons, and says so when there are none", () => {
    const text = (reason: number): string =>
      logLine({ reason, sourceId: 0, pasid: undefined, address: 0n, kind: 'read' }).replace(/^.*0x\w\w\] /, '');
    expect([1, 3, 0xc, 0xd].map(text)).toEqual([
      'Present bit in root entry is clear',
      'Invalid context entry',
      'non-zero reserved fields in PTE',
      'PCE for translation request specifies blocking',
    ]);
    expect([0x30, 0x39, 0x47, 0x59, 0x71, 0x85, 0x90].map(text)).toEqual([
      'SM: Invalid Root Table Address',
      'SM: Present bit in Root Entry is clear',
      'SM: PRE field in Context-Entry is clear',
      'SM: Present bit in PASID Table Entry is clear',
      'SM: Present bit in first-level paging entry is clear',
      'SM: No write permission for Write/AtomicOp request',
      'SM: A/D bit update needed in first-level entry when set up in no snoop',
    ]);
    // Reasons that Linux 6.12 has no words for, of those that the unit raises.
    const silent = Object.values(FaultReason).filter((reason) => text(reason) === 'Unknown');
    expect(silent).toEqual([0x0e, 0x29, 0x33, 0x49, 0x7d, 0x89, 0x91]);
  });
});
