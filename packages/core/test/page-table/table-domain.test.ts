import { describe, expect, it } from 'vitest';
import {
  DIRTY_NO_CLEAR,
  Errno,
  IotlbGather,
  join64,
  Prot,
  TableDomain,
  type DirtySink,
  type DomainDirtyOps,
  type RadixTable,
} from '../../src/index.js';
import { makeMemory, makeTable } from './bench-memory.js';
import { everyFormat } from './formats.js';

const under = everyFormat.find(({ format }) => format.dirty !== null)!;
const PAGE = 2 ** under.format.granuleShift;
const PA = 0x1234_0000;
const quiet: DirtySink = { mark: () => undefined };

/** A domain without a vendor. */
class BareDomain extends TableDomain {
  readonly switched: boolean[] = [];
  readonly dirty: DomainDirtyOps = this.switchedTracking((enabled) => {
    expect(this.isTracking).toBe(!enabled);
    this.switched.push(enabled);
  });

  constructor(protected readonly table: RadixTable) {
    super();
  }
}

function mapped(): { domain: BareDomain; table: RadixTable } {
  // As drivers write leaves where hardware does not set the bit.
  const { mask, dirty } = under.format.dirty!;
  const leafBits = (prot: number): bigint => ((under.leafBits(prot) ?? 0n) & ~mask) | dirty;
  const table = makeTable(under, makeMemory(), { leafBits });
  const domain = new BareDomain(table);
  table.mapPages(0, 0, 0, PA, under.format.granuleShift, 2, Prot.READ | Prot.WRITE, new IotlbGather());
  return { domain, table };
}

describe('TableDomain', () => {
  it('answers from its table', () => {
    const { domain, table } = mapped();
    expect(domain.root).toBe(join64(table.rootHi, table.rootLo));
    expect(domain.mappedPages).toBe(2);
    expect(domain.iovaToPhys(0, PAGE + 5)).toBe(true);
    expect([domain.foundPaHi, domain.foundPaLo]).toEqual([0, PA + PAGE + 5]);
    expect(domain.iovaToPhys(0, 2 * PAGE)).toBe(false);
  });

  it('tells the hardware once of each change of tracking', () => {
    const { domain } = mapped();
    for (const enabled of [false, true, true, false]) expect(domain.dirty.setTracking(enabled)).toBe(0);
    expect(domain.switched).toEqual([true, false]);
  });

  it('reports only while tracking, cleans at any time, and gathers what it cleaned', () => {
    const { domain } = mapped();
    const read = (flags: number, sink: DirtySink | null): [errno: number, gathered: boolean] => {
      const gather = new IotlbGather();
      return [domain.dirty.readAndClear(0, 0, 2 * PAGE, flags, sink, gather), !gather.empty];
    };
    expect(read(0, quiet)).toEqual([Errno.EINVAL, false]);
    domain.dirty.setTracking(true);
    expect(read(DIRTY_NO_CLEAR, quiet)).toEqual([0, false]);
    expect(read(0, quiet)).toEqual([0, true]);
    expect(read(0, quiet)).toEqual([0, false]);
    domain.dirty.setTracking(false);
    expect(read(0, null)).toEqual([0, false]);
  });
});
