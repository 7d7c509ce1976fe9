import { Access, hex, Prot } from '@ioasis/core';
import type { Bench } from '../bench.js';
import type { BenchDomain } from '../bench-domain.js';
import type { CaseArea } from '../conformance-case.js';
import { equal } from '../expectations.js';
import { placeFor, smallest, TARGET, type BackendTraits } from '../traits.js';

const SEEDS = [1, 2];

/** Everything at once, in an order that no one thought of: after every step devices see what a plain list says. */
export const randomUse: CaseArea = {
  name: 'random use',
  cases: (traits) =>
    SEEDS.map((seed) => ({
      name: `two devices and two domains, seed ${seed}`,
      run: (bench) => randomSteps(bench, traits, seed, 100),
    })),
};

/** Whole numbers from 0 up to but not including a limit, always the same for a seed (xorshift32). */
function numbers(seed: number): (limit: number) => number {
  let state = Math.imul(seed, 0x9e37_79b1) | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

interface Run {
  readonly start: bigint;
  readonly bytes: bigint;
  readonly pa: bigint;
  readonly prot: number;
}

/** A domain, and what it maps. */
interface Listed {
  readonly domain: BenchDomain;
  readonly runs: Run[];
}

const find = ({ runs }: Listed, iova: bigint): Run | undefined =>
  runs.find(({ start, bytes }) => iova >= start && iova < start + bytes);

/** Takes `count` steps, and asks after each what both devices see around everything that ever was mapped. */
export function randomSteps(bench: Bench, traits: BackendTraits, seed: number, count: number): void {
  const next = numbers(seed);
  const page = smallest(traits);
  const span = 1n << 21n;
  const base = placeFor(traits, 64n * span, 32n * span) + 16n * span;
  const lengths = [1n, 2n, 3n, 7n, span / page, span / page + 5n, (2n * span) / page];
  const listed: readonly Listed[] = [0, 1].map(() => ({ domain: bench.domain(), runs: [] }));
  const on: (Listed | undefined)[] = [undefined, undefined];
  const probes = [0n, 1n, 2n, 3n, 6n].flatMap((index) =>
    [base, base + span, base + 2n * span, base - span].map((at) => at + index * page),
  );
  probes.push(base - 1n, base + span - 1n, base + 2n * span - 1n);
  const keepsRights = traits.deviation('rights') === undefined;
  const look = (step: number): void => {
    for (const [index, current] of on.entries()) {
      for (const at of probes) {
        const run = current === undefined ? undefined : find(current, at);
        const target = run === undefined ? undefined : run.pa + (at - run.start);
        const isWritable = run !== undefined && (!keepsRights || (run.prot & Prot.WRITE) !== 0);
        const expected = [target, isWritable ? target : undefined];
        for (const [which, access] of [Access.READ, Access.WRITE].entries()) {
          const { pa } = bench.request(bench.device(index), at, access);
          equal(
            pa,
            expected[which],
            () => `step ${step}: where access ${access} of device ${index} at ${hex(at)} goes`,
          );
        }
      }
    }
  };
  for (let step = 0; step < count; step++) {
    const kind = next(10);
    const chosen = listed[next(2)]!;
    const index = next(2);
    if (kind < 4) {
      const start = base + BigInt(next(3) - 1) * span + BigInt(next(8)) * page * BigInt(next(2));
      const bytes = lengths[next(lengths.length)]! * page;
      const pa = TARGET + (next(2) === 0 ? start - base + span : BigInt(next(1000)) * page);
      const prot = next(3) === 0 ? Prot.READ : Prot.READ | Prot.WRITE;
      if (chosen.runs.some((run) => run.start < start + bytes && start < run.start + run.bytes)) continue;
      chosen.domain.map(start, pa, bytes, prot);
      chosen.runs.push({ start, bytes, pa, prot });
    } else if (kind < 7) {
      const [gone] = chosen.runs.splice(next(Math.max(1, chosen.runs.length)), 1);
      if (gone === undefined) continue;
      chosen.domain.unmap(gone.start, gone.bytes);
    } else if (kind < 9) {
      bench.attach(bench.device(index), chosen.domain);
      on[index] = chosen;
    } else {
      bench.backend.detach(bench.device(index));
      on[index] = undefined;
    }
    look(step);
  }
}
