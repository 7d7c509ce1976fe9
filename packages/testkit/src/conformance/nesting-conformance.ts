import {
  hi32,
  HwptFlag,
  lo32,
  type BackendDefinition,
  type HwptUserData,
  type NestedDomain,
  type UserDataArray,
} from '@ioasis/core';
import type { ConformanceApi, ConformanceCase } from './backend-conformance.js';
import { BenchDomain } from './bench-domain.js';
import { Bench } from './bench.js';
import { ConformanceError, ensure, equal } from './expectations.js';
import { placeFor, readTraits, TARGET, type BackendTraits } from './traits.js';

/** How a user makes a stage for a vendor's hardware: the part of nesting that no contract knows. Addresses are inputs of the nest parent. */
export interface UserStageSample {
  /** Bytes of the tables that map one page. */
  readonly tableBytes: bigint;
  /** Writes tables from `tables` on, page-aligned and zeroed, that lead the page at `iova` to the page at `target`. */
  write(store: (address: bigint, word: bigint) => void, tables: bigint, iova: bigint, target: bigint): void;
  /** Driver data of HWPT_ALLOC for tables at `tables`. */
  data(tables: bigint): HwptUserData;
  /** Entries of HWPT_INVALIDATE for the page at `iova`. */
  invalidation(iova: bigint): UserDataArray;
}

/** What requests carry in these cases. */
const IOVA = 0x7654_3000n;
const WINDOW = 1n << 21n;
const PAGE = 0x1000n;

/** A machine with a nest parent whose window leads to RAM, and a user who makes stages in it. */
class NestingBench extends Bench {
  readonly parent: BenchDomain;
  /** First address of the window. */
  readonly window: bigint;
  readonly #sample: UserStageSample;

  constructor(traits: BackendTraits, sample: UserStageSample) {
    super(traits.definition);
    this.#sample = sample;
    const parent = this.backend.allocPaging(this.device(), HwptFlag.NEST_PARENT, undefined);
    if (typeof parent === 'number') throw new ConformanceError(`a nest parent: errno ${parent}`);
    this.parent = new BenchDomain(parent);
    this.window = placeFor(traits, WINDOW);
    // An odd target, so that the parent has small pages to lose.
    this.parent.map(this.window, TARGET + PAGE, WINDOW);
  }

  /** Where an address of the window is. */
  physical(address: bigint): bigint {
    return TARGET + PAGE + (address - this.window);
  }

  /** Writes a stage that leads {@link IOVA} to `target`; its tables begin at `tables`. */
  write(tables: bigint, target: bigint): void {
    this.memory.write(this.physical(tables), new Uint8Array(Number(this.#sample.tableBytes)));
    const store = (address: bigint, word: bigint): void => {
      const pa = this.physical(address);
      this.memory.store64(hi32(pa), lo32(pa), hi32(word), lo32(word));
    };
    this.#sample.write(store, tables, IOVA, target);
    this.memory.lineCache?.flushAll();
  }

  /** A nested domain on the stage at `tables`. */
  nest(tables: bigint): NestedDomain {
    const nested = this.backend.allocNested?.(this.device(), this.parent.domain, 0, this.#sample.data(tables));
    if (nested === undefined || typeof nested === 'number')
      throw new ConformanceError(`a nested domain: errno ${nested}`);
    return nested;
  }

  /** A stage at the start of the window, on its own domain, with a device on it; it leads to `target`. */
  nested(target: bigint, tables: bigint = this.window, index: number = 0): NestedDomain {
    this.write(tables, target);
    const nested = this.nest(tables);
    equal(this.tryAttach(this.device(index), nested), 0, 'errno of attaching a nested domain');
    return nested;
  }

  invalidate(nested: NestedDomain): void {
    const { handled, errno } = nested.invalidate(this.#sample.invalidation(IOVA));
    equal(errno, 0, 'errno of the invalidation');
    ensure(handled > 0, 'the invalidation has entries');
  }
}

type Body = readonly [name: string, run: (bench: NestingBench) => void];

const BODIES: readonly Body[] = [
  [
    'a request goes through both stages, and one for another page through none',
    (bench) => {
      const target = bench.window + 0x10_0000n;
      bench.nested(target);
      for (const offset of [0n, 0x123n, PAGE - 1n]) {
        bench.expectReach(bench.device(), IOVA + offset, bench.physical(target + offset));
        equal(bench.explained(bench.device(), IOVA + offset), bench.physical(target + offset), 'where explain ends');
      }
      bench.expectReach(bench.device(), IOVA + PAGE, undefined);
    },
  ],
  [
    'an address that the parent maps is no address of a device any more',
    (bench) => {
      bench.attach(bench.device(), bench.parent);
      bench.expectReach(bench.device(), bench.window, bench.physical(bench.window));
      bench.nested(bench.window + 0x10_0000n);
      bench.expectReach(bench.device(), bench.window, undefined);
    },
  ],
  [
    'a target that the parent does not map is refused',
    (bench) => {
      bench.nested(bench.window + WINDOW);
      bench.expectReach(bench.device(), IOVA, undefined);
    },
  ],
  [
    'an unmap in the parent is seen by a device that has used the page through a stage',
    (bench) => {
      const target = bench.window + 0x10_0000n;
      bench.nested(target);
      bench.expectReach(bench.device(), IOVA, bench.physical(target));
      bench.parent.unmap(target, PAGE);
      bench.expectReach(bench.device(), IOVA, undefined);
      bench.parent.map(target, TARGET + (1n << 22n), PAGE);
      bench.expectReach(bench.device(), IOVA, TARGET + (1n << 22n));
    },
  ],
  [
    "a change of the user's tables is seen after the user's invalidation",
    (bench) => {
      const [first, second] = [bench.window + 0x10_0000n, bench.window + 0x11_0000n];
      const nested = bench.nested(first);
      bench.expectReach(bench.device(), IOVA, bench.physical(first));
      bench.write(bench.window, second);
      bench.invalidate(nested);
      bench.expectReach(bench.device(), IOVA, bench.physical(second));
    },
  ],
  [
    'a device changes from stage to stage, to the parent and back',
    (bench) => {
      const [first, second] = [bench.window + 0x10_0000n, bench.window + 0x11_0000n];
      const one = bench.nested(first);
      bench.expectReach(bench.device(), IOVA, bench.physical(first));
      bench.nested(second, bench.window + 0x2_0000n);
      bench.expectReach(bench.device(), IOVA, bench.physical(second));
      bench.attach(bench.device(), bench.parent);
      bench.expectReach(bench.device(), IOVA, undefined);
      bench.expectReach(bench.device(), second, bench.physical(second));
      equal(bench.tryAttach(bench.device(), one), 0, 'errno of going back to the first stage');
      bench.expectReach(bench.device(), IOVA, bench.physical(first));
    },
  ],
  [
    'two devices have two stages on one parent',
    (bench) => {
      const targets = [bench.window + 0x10_0000n, bench.window + 0x11_0000n];
      targets.forEach((target, index) => bench.nested(target, bench.window + BigInt(index) * 0x2_0000n, index));
      targets.forEach((target, index) => bench.expectReach(bench.device(index), IOVA, bench.physical(target)));
      bench.parent.unmap(targets[0]!, PAGE);
      bench.expectReach(bench.device(0), IOVA, undefined);
      bench.expectReach(bench.device(1), IOVA, bench.physical(targets[1]!));
    },
  ],
  [
    'a device that leaves its stage is blocked',
    (bench) => {
      const target = bench.window + 0x10_0000n;
      const nested = bench.nested(target);
      bench.expectReach(bench.device(), IOVA, bench.physical(target));
      bench.backend.detach(bench.device());
      bench.expectReach(bench.device(), IOVA, undefined);
      nested.free();
    },
  ],
  [
    'a stage without memory for it is refused, and the device stays where it is',
    (bench) => {
      const target = bench.window + 0x10_0000n;
      bench.attach(bench.device(), bench.parent);
      bench.write(bench.window, target);
      const nested = bench.nest(bench.window);
      bench.failures.arm({ times: 'all' });
      const errno = bench.tryAttach(bench.device(), nested);
      bench.failures.disarm();
      bench.expectReach(bench.device(), errno === 0 ? IOVA : target, bench.physical(target));
    },
  ],
];

/** Every case of {@link nestingConformance}, to be run without a test runner. */
export function nestingCases(definition: BackendDefinition, sample: UserStageSample): readonly ConformanceCase[] {
  const traits = readTraits(definition);
  return BODIES.map(([name, run]) => ({
    area: 'translation through a user stage',
    name,
    gap: undefined,
    run: () => run(new NestingBench(traits, sample)),
  }));
}

/**
 * What `backendConformance` cannot ask without a vendor's structures: translation through a user's stage. For backends whose suite does not
 * have the gap "no nesting".
 */
export function nestingConformance(
  { describe, it }: ConformanceApi,
  definition: BackendDefinition,
  sample: UserStageSample,
): void {
  describe(`${definition.id} nests`, () => {
    for (const { name, run } of nestingCases(definition, sample)) it(name, () => run());
  });
}
