/** A goal of the project (docs: performance), as `--json` reports it. */
export interface GoalResult {
  /** P1 ... P14. */
  readonly id: string;
  /** Table format or unit that was measured. */
  readonly unit: string;
  /** Ratio to radix.c, or ns where the goal is absolute; null: not measured. */
  readonly value: number | null;
  readonly goal: number;
  readonly met: boolean;
}

/** A goal that compares with a workload of radix.c, or that is absolute (`native` null, ns per operation). */
export interface Goal {
  readonly id: string;
  readonly title: string;
  readonly workload: string;
  readonly native: string | null;
  readonly goal: number;
}

export const goals: readonly Goal[] = [
  { id: 'P1', title: 'map 4K, bulk', workload: 'map4k_bulk', native: 'map4k_bulk', goal: 2.5 },
  { id: 'P2', title: 'map 4K, one page a call', workload: 'map4k_one', native: 'map4k_one', goal: 3 },
  { id: 'P3', title: 'unmap 4K, one page a call', workload: 'unmap4k_one', native: 'unmap4k_one', goal: 3 },
  { id: 'P4', title: 'map 2M, bulk', workload: 'map2m_bulk', native: 'map2m_bulk', goal: 4 },
  { id: 'P5', title: 'walk, random in 256 MiB', workload: 'walk_rand', native: 'walk_rand', goal: 2.2 },
  { id: 'P6', title: 'translate, IOTLB hit', workload: 'tlb_hit', native: 'tlb_dm_hit', goal: 4.5 },
  { id: 'P7', title: 'translate, miss mix', workload: 'tlb_mix', native: 'tlb_dm_mix', goal: 4 },
  { id: 'P14', title: 'dirty read and clear, ns', workload: 'dirty', native: null, goal: 2 },
];

/** Middle value; of an even number the lower one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}

/** Largest distance from the median, as a part of it. */
export function spread(values: readonly number[]): number {
  const middle = median(values);
  return Math.max(...values.map((value) => Math.abs(value - middle))) / middle;
}

export const judge = (id: string, unit: string, value: number | null, goal: number): GoalResult => ({
  id,
  unit,
  value: value === null ? null : Math.round(value * 1000) / 1000,
  goal,
  met: value !== null && value <= goal,
});
