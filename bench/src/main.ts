import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { FrameAllocator, PhysicalMemory } from '@ioasis/core';
import { VtdFacade } from './facade.js';
import { goals, judge, median, spread, type GoalResult } from './goals.js';
import { compileNative, runNative, type NativeRun } from './native.js';
import { subjects, type Subject } from './subjects.js';
import { drawOrders, EngineRun, type Figures } from './workloads.js';

/*
 * pnpm bench [-- --json] [--rounds N]
 *
 * Each round runs the native comparator and then every workload on every format, so that both see the same minute of the machine. A ratio
 * is the median of the rounds' ratios.
 */

const args = process.argv.slice(2);
const isJson = args.includes('--json');
const rounds = Number(args[args.indexOf('--rounds') + 1]) || 7;
/** One format alone in the process, for P8: prints its median figures. */
const alone = args.includes('--alone') ? args[args.indexOf('--alone') + 1] : undefined;
const WARM_UP = 4;
/** Of each workload within a round, on both sides; the round's figure is their median. */
const REPETITIONS = 3;
/** What P8 looks at: the formats' own code, not the allocator's. */
const P8_WORKLOADS = ['map4k_one', 'unmap4k_one', 'walk_rand'];

const arena = { start: 0x400_0000n, last: 0x400_0000n + 0x400_0000n - 1n };

function makeMemory(): { readonly memory: PhysicalMemory; readonly frames: FrameAllocator } {
  const memory = new PhysicalMemory({ windows: [arena], arena });
  return {
    memory,
    frames: new FrameAllocator(memory, { firstFrame: memory.arenaFirstFrame, frames: memory.arenaFrames }),
  };
}

/** ns by subject, workload and round. */
type Rounds = Map<string, Map<string, number[]>>;

function note(all: Rounds, unit: string, figures: Figures): void {
  const unitRounds = all.get(unit) ?? new Map<string, number[]>();
  all.set(unit, unitRounds);
  for (const [workload, ns] of Object.entries(figures)) {
    const list = unitRounds.get(workload) ?? [];
    unitRounds.set(workload, list);
    list.push(ns);
  }
}

function medianOf(repetitions: number, run: () => Figures): Figures {
  const runs = Array.from({ length: repetitions }, run);
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map((figures) => figures[name] as number))]));
}

function measure(chosen: readonly Subject[], withFacade: boolean, native: ((round: number) => void) | null): Rounds {
  const { memory, frames } = makeMemory();
  const orders = drawOrders();
  const runs = chosen.map((subject) => new EngineRun(subject, memory, frames, orders));
  const facade = withFacade && chosen[0] !== undefined ? new VtdFacade(chosen[0], memory, frames) : undefined;
  const all: Rounds = new Map();
  for (let round = -WARM_UP; round < rounds; round++) {
    if (round >= 0) native?.(round);
    chosen.forEach((subject, index) => {
      const run = runs[index] as EngineRun;
      const figures = medianOf(REPETITIONS, () => {
        run.run();
        return { ...run.figures };
      });
      if (round >= 0) note(all, subject.name, figures);
    });
    if (facade === undefined) continue;
    const figures = medianOf(REPETITIONS, () => {
      facade.fill(orders);
      const hit = facade.translate(orders.hot);
      const mix = facade.translate(orders.pages);
      // radix.c has two kinds of IOTLB and sums over both.
      sums.set('vtd tlb', (2n * (hit.sum + mix.sum)).toString(16));
      return { tlb_hit: hit.ns, tlb_mix: mix.ns };
    });
    if (round >= 0) note(all, 'vtd', figures);
  }
  chosen.forEach(({ name }, index) => {
    for (const [workload, sum] of Object.entries((runs[index] as EngineRun).sums)) sums.set(`${name} ${workload}`, sum);
  });
  return all;
}

const sums = new Map<string, string>();

/** Both sides did the same work when their check sums agree. */
function checkSums(native: NativeRun): string[] {
  return [...sums].flatMap(([name, sum]) => {
    const expected = native.sum[name.split(' ')[1] as string];
    return expected === sum ? [] : [`${name}: check sum ${sum}, radix.c has ${String(expected)}`];
  });
}

function aloneFigures(name: string): Figures {
  const child = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), '--alone', name, '--rounds', String(rounds)],
    {
      encoding: 'utf8',
    },
  );
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as Figures;
}

function main(): number {
  if (alone !== undefined) {
    const all = measure(
      subjects.filter(({ name }) => name === alone),
      false,
      null,
    );
    const figures = [...(all.get(alone) ?? [])].map(([workload, list]) => [workload, median(list)] as const);
    process.stdout.write(JSON.stringify(Object.fromEntries(figures)));
    return 0;
  }
  const hasNative = compileNative();
  const natives: NativeRun[] = [];
  const all = measure(subjects, true, hasNative ? () => natives.push(runNative(REPETITIONS)) : null);
  const results: GoalResult[] = [];
  const lines: string[] = [];
  for (const goal of goals) {
    for (const [unit, workloads] of all) {
      const list = workloads.get(goal.workload);
      if (list === undefined) continue;
      const { native } = goal;
      const base = native === null ? [] : natives.map(({ ns }) => ns[native] as number);
      const values =
        native === null ? list : list.slice(0, base.length).map((ns, round) => ns / (base[round] as number));
      const result = judge(goal.id, unit, values.length === 0 ? null : median(values), goal.goal);
      results.push(result);
      const measured =
        values.length === 0
          ? 'not measured: no C compiler'
          : `${median(values).toFixed(2)}${native === null ? ' ns' : 'x'}`;
      const detail = `${median(list).toFixed(2)} ns${base.length > 0 ? ` against ${median(base).toFixed(2)} ns` : ''}, spread ${(spread(list) * 100).toFixed(0)}%`;
      lines.push(
        `${goal.id.padEnd(4)}${goal.title.padEnd(28)}${unit.padEnd(9)}${measured.padStart(9)}  goal ${String(goal.goal).padEnd(5)}${result.met ? 'met   ' : 'missed'}  ${detail}`,
      );
    }
  }
  for (const { name } of subjects) {
    const own = aloneFigures(name);
    const ratios = P8_WORKLOADS.map(
      (workload) => median(all.get(name)?.get(workload) ?? []) / (own[workload] as number),
    );
    const value = median(ratios);
    const result = judge('P8', name, value, 1.05);
    results.push(result);
    lines.push(
      `P8  ${'all formats live'.padEnd(28)}${name.padEnd(9)}${`${value.toFixed(2)}x`.padStart(9)}  goal 1.05 ${result.met ? 'met' : 'missed'}`,
    );
  }
  const wrong = natives[0] === undefined ? [] : checkSums(natives[0]);
  if (isJson) process.stdout.write(`${JSON.stringify({ goals: results })}\n`);
  else process.stdout.write(`${lines.join('\n')}\n`);
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (!hasNative) process.stderr.write('No C compiler (cc): ratios to radix.c were not measured.\n');
  return wrong.length > 0 ? 1 : 0;
}

process.exitCode = main();
