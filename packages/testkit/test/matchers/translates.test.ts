import { describe, expect, it } from 'vitest';
import '@ioasis/testkit/vitest';
import { assertTranslates, createTestMachine, eachBackend } from '../../src/index.js';
import { vendors } from '../vendors.js';
import { SCRIPTED, scriptedUnit } from './scripted-unit.js';

eachBackend(describe, vendors, (backend) => {
  it('passes where the device arrives, from a walk and from the IOTLB', () => {
    const pc = createTestMachine({ backend });
    const buffer = pc.buffer(0x2000);
    const iova = pc.map(buffer, 0x40_0000n);
    expect(pc).toTranslate(iova + 0x1234n, buffer.paOf(0x1234));
    expect(pc).toTranslate(iova + 0x1238n, buffer.paOf(0x1238), 'write');
    expect(pc).not.toTranslate(iova, buffer.paOf(0x1000));
    expect({ unit: pc.unit, requesterId: pc.requesterId + 8 }).not.toTranslate(iova, buffer.paOf(0));
    expect(() => assertTranslates(pc, iova, buffer.paOf(0))).not.toThrow();
    expect(() => assertTranslates(pc, iova, 0n)).toThrow('answered from its IOTLB');
  });
});

describe('toTranslate', () => {
  const { page, target } = SCRIPTED;
  const requester = { unit: scriptedUnit(), requesterId: 8 };

  it('prints the answer and the walk', () => {
    expect(() => expect(requester).toTranslate(page, 0xabc000n)).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected 00:01.0 to translate 0x400000 to 0xabc000 for a read
      it leads to 0x1000001000, answered by a walk
      the tables:
        table entry level 2 at 0x9010: 0x000000000000a003 ADDR=0xa W=1 R=1
        table entry level 1 at 0xa000: 0x0000000000000000 0x0000001000001001 ADDR=0x1000001 R=1
        leads to 0x1000001000, page of 0x1000 bytes, read allowed]
    `);
  });

  it('prints the fault and the walk', () => {
    expect(() => expect(requester).toTranslate(page, target, 'write')).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected 00:01.0 to translate 0x400000 to 0x1000001000 for a write
      it is refused: scripted WRITE_DENIED (0x05): write of 0x400000 by 00:01.0, recorded [level=1 entry=0x1001]
      the tables:
        table entry level 2 at 0x9010: 0x000000000000a003 ADDR=0xa W=1 R=1
        table entry level 1 at 0xa000: 0x0000000000000000 0x0000001000001001 ADDR=0x1000001 R=1
        faults: WRITE_DENIED (0x05)]
    `);
  });

  it('prints the answer that should not have come', () => {
    expect(() => expect(requester).not.toTranslate(page, target)).toThrow(
      'expected 00:01.0 not to translate 0x400000 to',
    );
  });

  it('says when the IOTLB still answers what the tables no longer say', () => {
    requester.unit.stale = true;
    expect(() => assertTranslates(requester, page, 0xdef000n)).toThrowErrorMatchingInlineSnapshot(`
      [AssertionError: expected 00:01.0 to translate 0x400000 to 0xdef000 for a read
      it leads to 0x1000001000, answered from its IOTLB
      the tables, which say something else:
        table entry level 2 at 0x9010: 0x000000000000a003 ADDR=0xa W=1 R=1
        table entry level 1 at 0xa000: 0x0000000000000000 0x0000000000def001 ADDR=0xdef R=1
        leads to 0xdef000, page of 0x1000 bytes, read allowed]
    `);
  });
});
