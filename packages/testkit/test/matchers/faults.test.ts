import { describe, expect, it } from 'vitest';
import { DmaEngine } from '@ioasis/core';
import '@ioasis/testkit/vitest';
import { assertFaults, createTestMachine, eachBackend, mockBackend, WatchedDma } from '../../src/index.js';
import { vendors } from '../vendors.js';
import { SCRIPTED, scriptedUnit } from './scripted-unit.js';

eachBackend(describe, vendors, (backend) => {
  const pc = createTestMachine({ backend });
  const iova = pc.map(pc.buffer(0x1000), 0x40_0000n, { writable: false });

  it('passes for a piece that was refused as expected', () => {
    const written = pc.dma.write(iova, Uint8Array.of(1));
    const fault = written.pieces[0]?.fault;
    const reason = typeof fault === 'object' ? fault.name : undefined;
    expect(written).toFault();
    expect(written).toFault({ iova, access: 'write', reason: reason! });
    expect(written).not.toFault({ iova: iova + 0x1000n });
    expect(written).not.toFault({ access: 'read' });
    expect(pc.dma.read(iova, 4)).not.toFault();
  });

  it('finds the piece that was refused behind one that was not', () => {
    const read = pc.dma.read(iova + 0xffen, 4);
    expect(read.status).toBe('partial');
    expect(read).toFault({ iova: iova + 0x1001n });
    expect(() => assertFaults(read, { iova: iova + 0x1002n })).toThrow('expected the DMA to fault at 0x401002');
  });
});

describe('toFault', () => {
  const unit = scriptedUnit();
  const dma = new WatchedDma(
    new DmaEngine(unit, createTestMachine({ backend: mockBackend() }).machine.memory, 8),
    unit,
  );

  it('prints the pieces and walks of a DMA that came through', () => {
    expect(() => expect(dma.read(SCRIPTED.page + 0xffen, 2)).toFault({ iova: SCRIPTED.page }))
      .toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the DMA to fault at 0x400000
      [0x400ffe, 0x400fff] went to 0x1000001ffe; the tables now:
        table entry level 2 at 0x9010: 0x000000000000a003 ADDR=0xa W=1 R=1
        table entry level 1 at 0xa000: 0x0000000000000000 0x0000001000001001 ADDR=0x1000001 R=1
        leads to 0x1000001ffe, page of 0x1000 bytes, read allowed]
    `);
  });

  it('prints the fault that came instead', () => {
    const written = dma.write(0x80_0000n, Uint8Array.of(1));
    expect(() => expect(written).toFault({ reason: 'NO_SUCH_REASON', access: 'write' }))
      .toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the DMA to fault with NO_SUCH_REASON on a write
      [0x800000, 0x800000] was refused: scripted WRITE_DENIED (0x05): write of 0x800000 by 00:01.0, recorded [level=1 entry=0x1001]; the tables now:
        table entry level 2 at 0x9010: 0x000000000000a003 ADDR=0xa W=1 R=1
        table entry level 1 at 0xa000: 0x0000000000000000 0x0000001000001001 ADDR=0x1000001 R=1
        faults: WRITE_DENIED (0x05)]
    `);
  });

  it('prints the fault that should not have come', () => {
    expect(() => expect(dma.write(0x80_0000n, Uint8Array.of(1))).not.toFault()).toThrow(
      'expected the DMA not to fault',
    );
  });

  it('says of a port without a unit only what became of the pieces', () => {
    const outcome = {
      status: 'partial',
      pieces: [
        { iova: 0x1000n, bytes: 4, pa: 0x2000n, fault: undefined },
        { iova: 0x3000n, bytes: 4, pa: 0x4000n, fault: 'bus-abort' },
      ],
    } as const;
    expect(outcome).toFault({ reason: 'bus-abort' });
    expect(() => expect(outcome).toFault({ reason: 5 })).toThrowErrorMatchingInlineSnapshot(`
      [Error: expected the DMA to fault with 0x5
      [0x1000, 0x1003] went to 0x2000
      [0x3000, 0x3003] went to 0x4000, where no memory is]
    `);
  });
});
