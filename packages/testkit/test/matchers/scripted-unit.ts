import {
  iova as iovaOf,
  join64,
  Translation,
  UnitCounters,
  type HardwareFault,
  type TranslationUnit,
  type TranslationWalk,
} from '@ioasis/core';

const PAGE = 0x40_0000n;
const TARGET = 0x10_0000_1000n;

/** The one page that {@link scriptedUnit} knows, and where it leads. */
export const SCRIPTED = { page: PAGE, target: TARGET } as const;

const steps = (leaf: bigint): TranslationWalk['steps'] => [
  { what: 'table entry level 2', address: 0x9010n, words: [0xa003n], fields: { ADDR: 0xan, W: 1n, R: 1n } },
  { what: 'table entry level 1', address: 0xa000n, words: [leaf, 0n], fields: { ADDR: leaf >> 12n, W: 0n, R: 1n } },
];

/** A unit that leads reads of one page somewhere and refuses the rest, so that texts do not depend on a vendor's allocations. */
export function scriptedUnit(): TranslationUnit & { stale: boolean } {
  const translation = new Translation();
  const counters = new UnitCounters();
  const reaches = (iova: bigint, access: number): boolean => iova >> 12n === PAGE >> 12n && access === 1;
  const fault = (iova: bigint): HardwareFault => ({
    vendor: 'scripted',
    code: 5,
    name: 'WRITE_DENIED',
    requesterId: 8,
    pasid: undefined,
    iova: iovaOf(iova),
    access: 'write',
    recorded: 'recorded',
    record: [],
    details: { level: 1, entry: 0x1001n },
  });
  return {
    mmioBytes: 0,
    /** The IOTLB answers what the tables said once. */
    stale: false,
    counters,
    translation,
    read32: () => 0,
    write32: () => undefined,
    write64: () => undefined,
    step: () => 0,
    reset: () => undefined,
    translate(_requesterId, _pasid, hi, lo, access) {
      const iova = join64(hi, lo);
      const pa = TARGET + (iova & 0xfffn);
      if (this.stale) counters.iotlbHits++;
      translation.paHi = Number(pa >> 32n);
      translation.paLo = Number(pa & 0xffff_ffffn);
      translation.fault = reaches(iova, access) ? null : fault(iova);
      return translation.fault === null;
    },
    explain(_requesterId, _pasid, iova, access) {
      const base = { steps: steps(this.stale ? 0xdef001n : 0x10_0000_1001n), pageBytes: 0x1000n };
      if (!reaches(iova, access)) {
        const code = { code: 5, name: 'WRITE_DENIED' };
        return { ...base, pa: undefined, pageBytes: undefined, readable: false, writable: false, fault: code };
      }
      const pa = (this.stale ? 0xdef000n : TARGET) + (iova & 0xfffn);
      return { ...base, pa, readable: true, writable: false, fault: undefined };
    },
  };
}
