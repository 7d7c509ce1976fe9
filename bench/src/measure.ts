import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FrameAllocator, PhysicalMemory } from '@ioasis/core';
import { measureAreas } from './areas.js';
import { EngineRun } from './engine-run.js';
import { median } from './goals.js';
import { IoctlRun } from './ioctls.js';
import { compileNative, runNative, type NativeRun } from './native.js';
import { drawOrders } from './orders.js';
import type { Progress } from './progress.js';
import { Rounds, type Figures } from './rounds.js';
import { subjects, type Subject } from './subjects.js';
import { mapTerabyte, terabyteFigures } from './terabyte.js';
import { unitSubjects, UnitRun } from './units.js';

/** Rounds before the first that counts: all formats and units are warm then. */
const WARM_UP = 4;
/** Of each workload within a round, on both sides; the round's figure is their median. */
const REPETITIONS = 3;
/** Tables of 65536 pages of one subject, and more. */
const ARENA = { start: 0x400_0000n, last: 0x7ff_ffffn };
const PAGES_4K = 12;

/** Everything that the goals are judged by. */
export interface Measured {
  readonly rounds: Rounds;
  /** One a round; empty without a C compiler. */
  readonly natives: readonly NativeRun[];
  /** Check sums by subject and workload. */
  readonly sums: ReadonlyMap<string, string>;
}

/** Runs every workload `count` times, the comparator in each round. */
export function measureAll(count: number, progress: Progress): Measured {
  const hasNative = compileNative('radix');
  const natives: NativeRun[] = [];
  const rounds = new Rounds();
  const orders = drawOrders();
  const units = unitSubjects.map((subject) => ({ name: subject.name, run: new UnitRun(subject, orders) }));
  const sums = measureTables(subjects, count, rounds, (round) => {
    progress(round < 0 ? 'warming up' : `tables and units, round ${round + 1} of ${count}`);
    if (round >= 0 && hasNative) natives.push(runNative('radix', REPETITIONS));
    for (const { name, run } of units) {
      const figures = medianOf(() => {
        run.run();
        return run.figures;
      });
      if (round >= 0) rounds.note(name, figures);
    }
  });
  measureCore(count, rounds, natives, progress);
  progress('every format alone');
  for (const { name } of subjects) {
    const ratios = aloneRatios(rounds, name, count);
    rounds.note(name, { all_live: median(ratios) });
  }
  return { rounds, natives, sums };
}

/** The table workloads of some subjects. @returns check sums by subject and workload */
function measureTables(
  chosen: readonly Subject[],
  count: number,
  rounds: Rounds,
  beside: (round: number) => void,
): ReadonlyMap<string, string> {
  const memory = new PhysicalMemory({ windows: [ARENA], arena: ARENA });
  const range = { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames };
  const frames = new FrameAllocator(memory, range);
  const orders = drawOrders();
  const runs = chosen.map((subject) => ({
    name: subject.name,
    run: new EngineRun(subject, memory, frames, orders),
  }));
  for (let round = -WARM_UP; round < count; round++) {
    beside(round);
    for (const { name, run } of runs) {
      const figures = medianOf(() => {
        run.run();
        return run.figures;
      });
      if (round >= 0) rounds.note(name, figures);
    }
  }
  return new Map(
    runs.flatMap(({ name, run }) => Object.entries(run.sums).map(([workload, sum]) => [`${name} ${workload}`, sum])),
  );
}

/** What no format or unit is part of. */
function measureCore(count: number, rounds: Rounds, natives: NativeRun[], progress: Progress): void {
  const ioctls = new IoctlRun();
  const subject = subjects[0] as Subject;
  const hasNative = natives.length > 0 && compileNative('terabyte');
  progress('ioctls, areas and a terabyte');
  // Before the areas, a million of which would be collected meanwhile.
  for (let round = -1; round < count; round++) {
    const ioctl = medianOf(() => ioctls.run());
    if (round >= 0) rounds.note('core', ioctl);
  }
  for (let round = -1; round < count; round++) {
    const [fewer, more] = [measureAreas(100_000), measureAreas(1_000_000)];
    const growth = (more['automatic_iova'] as number) / (fewer['automatic_iova'] as number);
    if (round < 0) continue;
    rounds.note('core', { ...more, automatic_growth: growth });
  }
  // A few seconds each: as often as makes a median.
  for (let round = 0; round < Math.min(count, 5); round++) {
    if (hasNative) Object.assign((natives[round] as NativeRun).ns, runNative('terabyte', 1).ns);
    rounds.note('core', terabyteFigures(mapTerabyte(subject, PAGES_4K)));
  }
}

/** What P8 looks at: the formats' own code, not the allocator's. */
const P8_WORKLOADS = ['map4k_one', 'unmap4k_one', 'walk_rand'];

function aloneRatios(rounds: Rounds, name: string, count: number): number[] {
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const child = spawnSync(process.execPath, [main, '--alone', name, '--rounds', String(count)], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(child.stderr);
  const own = JSON.parse(child.stdout) as Figures;
  return P8_WORKLOADS.map((workload) => median(rounds.of(name, workload)) / (own[workload] as number));
}

/** One format alone in a process: its median figures. */
export function measureAlone(name: string, count: number): Figures {
  const rounds = new Rounds();
  const chosen = subjects.filter((subject) => subject.name === name);
  measureTables(chosen, count, rounds, () => undefined);
  return Object.fromEntries(P8_WORKLOADS.map((workload) => [workload, median(rounds.of(name, workload))]));
}

function medianOf(run: () => Figures): Figures {
  const runs = Array.from({ length: REPETITIONS }, () => ({ ...run() }));
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map((figures) => figures[name] as number))]));
}
