import { isLeft, type Either } from 'fp-ts/lib/Either.js';
import {
  DEFAULT_MEMLOCK,
  IoPageTable,
  MemoryBudget,
  Prot,
  type AddressSpace,
  type Capability,
  type FailureSource,
  type IoPageTableOptions,
  type PageSize,
  type Refusal,
  type UserProcess,
} from '../../src/index.js';
import { testPages } from '../memory/machine-pages.js';
import { testProcess } from '../process/process-fixture.js';

export { codeOf } from '../memory/machine-pages.js';

export const RW: number = Prot.READ | Prot.WRITE | Prot.CACHE;
export const READ_ONLY: number = Prot.READ | Prot.CACHE;
/** Where the process of {@link testTables} has its buffer. */
export const BUFFER = 0x10_0000n;

/** A process with a buffer, and what tables are made from. */
export interface TestTables {
  readonly process: UserProcess;
  readonly space: AddressSpace;
  readonly budget: MemoryBudget;
  /** Another table of the same machine. */
  table(options?: Partial<IoPageTableOptions>): IoPageTable;
  /** Maps a part of the buffer; `offset` and `length` are bytes. */
  map(
    table: IoPageTable,
    part: { offset?: bigint; length: bigint; iova?: bigint | undefined; prot?: number; accountMode?: 'user' | 'mm' },
  ): Either<Refusal, bigint>;
  /** The physical address behind a byte of the buffer. */
  physical(offset: bigint): bigint;
}

export function testTables(
  options: {
    pages?: number;
    pageSize?: PageSize;
    capabilities?: readonly Capability[];
    memlock?: bigint;
    failure?: FailureSource;
    budget?: number;
    /** Touch the pages in this order first, so that their frames are in this order too. */
    touch?: readonly number[];
  } = {},
): TestTables {
  const pageSize = options.pageSize ?? 4096;
  const { failure } = options;
  const { space } = testPages({ pageSize, ...(failure === undefined ? {} : { failure }) });
  const { process } = testProcess({
    addressSpace: space,
    capabilities: options.capabilities ?? [],
    limits: { memlock: options.memlock ?? DEFAULT_MEMLOCK },
  });
  const size = BigInt(pageSize);
  space.mmap(BUFFER, BigInt(options.pages ?? 64) * size, 'rw', { kind: 'private' });
  for (const page of options.touch ?? []) space.poke(BUFFER + BigInt(page) * size, Uint8Array.of(page));
  const budget = new MemoryBudget(options.budget ?? 2 ** 40);
  return {
    process,
    space,
    budget,
    table: (more = {}) =>
      new IoPageTable({ pageSize, hugePageSize: 0x20_0000, budget, failure: failure ?? null, ...more }),
    map: (table, { offset = 0n, length, iova, prot = RW, accountMode = 'user' }) =>
      table.map({ process, userVa: BUFFER + offset, length, iova, prot, accountMode }),
    physical: (offset) => {
      const frame = new Float64Array(1);
      space.pinPages(Number((BUFFER + offset) / size), 1, false, frame, 0);
      space.unpinPages(frame, 0, 1);
      return BigInt(frame[0]!) * 4096n + (offset % size);
    },
  };
}

/** The value of a result that must be one. */
export function value<A>(result: Either<Refusal, A>): A {
  if (isLeft(result)) throw new Error(`refused: ${result.left.code}`);
  return result.right;
}

/** Fails the n-th point (from 1) of some kinds and counts all of them. */
export class NthFailure implements FailureSource {
  count = 0;
  /** Kind of the point that failed. */
  failed = '';

  constructor(readonly nth: number) {}

  fails(kind: string): boolean {
    if (++this.count !== this.nth) return false;
    this.failed = kind;
    return true;
  }
}
