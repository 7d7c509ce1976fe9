import { goals, judge, median, spread, type Goal, type GoalResult } from './goals.js';
import type { Measured } from './measure.js';

/** A goal on a unit, with the figures that it was judged by. */
export interface Verdict extends GoalResult {
  readonly title: string;
  readonly measure: Goal['measure'];
  /** Medians, ns per operation (or what an absolute goal counts in); null where there is nothing to compare with. */
  readonly ours: number;
  readonly native: number | null;
  /** Largest distance of a round from the median, as a part of it. */
  readonly spread: number;
}

/** Judges every goal on every unit that has its workload. */
export function verdicts({ rounds, natives }: Measured): Verdict[] {
  return goals.flatMap((goal) =>
    rounds.units.flatMap((unit) => {
      const list = rounds.of(unit, goal.workload);
      if (list.length === 0) return [];
      const { native } = goal;
      const base = native === null ? [] : natives.flatMap(({ ns }) => ns[native] ?? []);
      const values =
        native === null ? list : list.slice(0, base.length).map((ours, round) => ours / (base[round] as number));
      const value = values.length === 0 ? null : median(values);
      return [
        {
          ...judge(goal.id, unit, value, goal.goal),
          title: goal.title,
          measure: goal.measure,
          ours: median(list),
          native: base.length === 0 ? null : median(base),
          spread: spread(list),
        },
      ];
    }),
  );
}

/** Lines of workloads whose check sum is not radix.c's: both sides did the same work when there are none. */
export function checkSums({ natives, sums }: Measured): string[] {
  const native = natives[0];
  if (native === undefined) return [];
  return [...sums].flatMap(([name, sum]) => {
    const expected = native.sum[name.split(' ')[1] as string];
    return expected === sum ? [] : [`${name}: check sum ${sum}, radix.c has ${String(expected)}`];
  });
}

/** `3.10x`, `2.93 ns`, `not measured`. */
export function valueText({ value, measure }: Verdict): string {
  if (value === null) return 'not measured';
  return measure === 'ns' ? `${value.toFixed(value < 100 ? 2 : 0)} ns` : `${value.toFixed(2)}x`;
}

/** The verdict as a line of a terminal. */
export function verdictLine(verdict: Verdict): string {
  const { id, title, unit, goal, met, ours, native, measure } = verdict;
  const judged = `goal ${String(goal).padEnd(5)}${met ? 'met   ' : 'missed'}`;
  const beside =
    measure === 'ratio' && native !== null ? `${ours.toFixed(2)} ns against ${native.toFixed(2)} ns, ` : '';
  const name = `${id.padEnd(4)}${title.padEnd(34)}${unit.padEnd(12)}`;
  return `${name}${valueText(verdict).padStart(12)}  ${judged}  ${beside}spread ${(verdict.spread * 100).toFixed(0)}%`;
}
