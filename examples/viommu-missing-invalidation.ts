/*
 * Catch a missing invalidation in a small vIOMMU, as a VMM's author writes one: a unit with one register for a guest's table, one for
 * invalidations, and a cache. The guest does everything right. The vIOMMU has a bug: its invalidation command drops the first page of a range
 * only. The guest's device then still reaches memory that the guest has given to somebody else.
 *
 * Prints:
 *   with the bug: stale translation of 0x5000, other-range: INVALIDATE covers [0x4000, 0x4fff], dropped 1
 *   without: clean
 */
import {
  Access,
  hi32,
  iova as iovaOf,
  join64,
  lo32,
  PhysicalMemory,
  Translation,
  UnitCounters,
  type TranslationUnit,
  type TranslationWalk,
  type UnitObserver,
} from '@ioasis/core';
import { checkUnit, type Finding } from '@ioasis/testkit';

// ---- What is tested: the vIOMMU. An entry of the guest's table is the page's address with bit 0 = present. ----

const REGISTER = { TABLE: 0, INVALIDATE: 8 } as const;
const PAGE = 0x1000n;

class SmallViommu implements TranslationUnit {
  readonly mmioBytes = 16;
  readonly translation = new Translation();
  readonly counters = new UnitCounters();
  /** Whoever watches is told of fills and invalidations; that is all a checker needs. */
  observer: UnitObserver | null = null;
  readonly #memory: PhysicalMemory;
  readonly #hasBug: boolean;
  readonly #cache = new Map<bigint, bigint>();
  #table = 0n;

  constructor(memory: PhysicalMemory, hasBug: boolean) {
    this.#memory = memory;
    this.#hasBug = hasBug;
  }

  /** INVALIDATE takes an IOVA with the number of pages in bits 11:0. */
  write64(offset: number, hi: number, lo: number): void {
    const value = join64(hi, lo);
    if (offset === REGISTER.TABLE) this.#table = value;
    else if (offset === REGISTER.INVALIDATE) this.#invalidate(value & ~(PAGE - 1n), value & (PAGE - 1n));
  }

  #invalidate(start: bigint, asked: bigint): void {
    const pages = this.#hasBug ? 1n : asked;
    let dropped = 0;
    for (let page = 0n; page < pages; page++) if (this.#cache.delete(start + page * PAGE)) dropped++;
    const range = { start, last: start + pages * PAGE - 1n };
    this.observer?.invalidated({ command: 'INVALIDATE', caches: ['iotlb'], tags: {}, range, dropped });
  }

  translate(requesterId: number, pasid: number, iovaHi: number, iovaLo: number): boolean {
    const iova = join64(iovaHi, iovaLo);
    const page = iova & ~(PAGE - 1n);
    const cached = this.#cache.get(page);
    if (cached === undefined) this.counters.iotlbMisses++;
    else this.counters.iotlbHits++;
    const pa = cached ?? this.explain(requesterId, pasid, page).pa;
    if (pa === undefined) {
      const fault = { vendor: 'small', code: 1, name: 'NOT_PRESENT', recorded: 'disabled' } as const;
      const request = { requesterId, pasid: undefined, iova: iovaOf(iova), access: 'read' } as const;
      this.translation.fault = { ...fault, ...request, record: [], details: {} };
      return false;
    }
    if (cached === undefined) {
      this.#cache.set(page, pa);
      const range = { start: page, last: page + PAGE - 1n };
      this.observer?.filled({ cache: 'iotlb', requesterId, pasid, tags: {}, range, pa });
    }
    this.translation.paHi = hi32(pa);
    this.translation.paLo = lo32(pa | (iova & (PAGE - 1n)));
    this.translation.permissions = Access.READ | Access.WRITE;
    return true;
  }

  /** The table as it is now. */
  explain(_requesterId: number, _pasid: number, iova: bigint): TranslationWalk {
    const address = this.#table + (iova / PAGE) * 8n;
    const bytes = new Uint8Array(8);
    this.#memory.readBytes(hi32(address), lo32(address), bytes, 0, 8);
    const entry = new DataView(bytes.buffer).getBigUint64(0, true);
    const isPresent = (entry & 1n) !== 0n;
    return {
      steps: [{ what: 'PTE level 1', address, words: [entry], fields: { P: entry & 1n, ADDR: entry >> 12n } }],
      pa: isPresent ? (entry & ~(PAGE - 1n)) | (iova & (PAGE - 1n)) : undefined,
      pageBytes: isPresent ? PAGE : undefined,
      readable: isPresent,
      writable: isPresent,
      fault: isPresent ? undefined : { code: 1, name: 'NOT_PRESENT' },
    };
  }

  read32(): number {
    return 0;
  }

  write32(): void {}

  step(): number {
    return 0;
  }

  reset(): void {
    this.#cache.clear();
    this.#table = 0n;
  }
}

// ---- The test: a guest maps two pages, its device uses them, the guest unmaps and invalidates, the device comes once more. ----

function findingsWith(hasBug: boolean): readonly Finding[] {
  const arena = { start: 0n, last: 0xf_ffffn };
  const memory = new PhysicalMemory({ windows: [arena], arena });
  const unit = new SmallViommu(memory, hasBug);
  const check = checkUnit(unit, memory);

  const store = (address: bigint, value: bigint): void => {
    memory.store64(hi32(address), lo32(address), hi32(value), lo32(value));
  };
  const table = 0x8000n;
  const write = (register: number, value: bigint): void => unit.write64(register, hi32(value), lo32(value));
  const touch = (iova: bigint): boolean => unit.translate(8, -1, hi32(iova), lo32(iova));

  write(REGISTER.TABLE, table);
  for (const page of [4n, 5n]) store(table + page * 8n, (page << 16n) | 1n);
  touch(0x4000n);
  touch(0x5000n);
  check.operation('guest unmaps 0x4000, two pages', () => {
    for (const page of [4n, 5n]) store(table + page * 8n, 0n);
    write(REGISTER.INVALIDATE, 0x4000n | 2n);
  });
  touch(0x4000n);
  touch(0x5000n);
  return check.findings;
}

/** The short form; `check.text()` has the whole story. */
function headline(finding: Finding): string {
  if (finding.checker !== 'stale-translation') return finding.checker;
  const { entry, cause, invalidations } = finding;
  const commands = invalidations.map(({ event: { invalidation } }) => {
    const { command, range, dropped } = invalidation;
    return `${command} covers [0x${range?.start.toString(16)}, 0x${range?.last.toString(16)}], dropped ${dropped}`;
  });
  return `stale translation of 0x${entry?.fill.range?.start.toString(16)}, ${cause}: ${commands.join('; ')}`;
}

console.log(`with the bug: ${findingsWith(true).map(headline).join('\n') || 'clean'}`);
console.log(`without: ${findingsWith(false).map(headline).join('\n') || 'clean'}`);
