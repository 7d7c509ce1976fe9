/** A goal of the project, as `--json` reports it. */
export interface GoalResult {
  /** P1 ... P14. */
  readonly id: string;
  /** Table format or unit that was measured, or `core`. */
  readonly unit: string;
  /** Ratio to the native comparator, or what the goal counts in; null: not measured. */
  readonly value: number | null;
  readonly goal: number;
  readonly met: boolean;
}

/** What a value is compared with: a workload of radix.c or terabyte.c, the same formats alone, or nothing. */
type Measure = 'ratio' | 'ns' | 'times';

/** A goal and where its value comes from. */
export interface Goal {
  readonly id: string;
  readonly title: string;
  /** Our workload, by the name under which runs note it. */
  readonly workload: string;
  /** The native workload that it is divided by; null: the value is absolute. */
  readonly native: string | null;
  readonly measure: Measure;
  readonly goal: number;
}

const ratio = (id: string, title: string, workload: string, native: string, goal: number): Goal => ({
  id,
  title,
  workload,
  native,
  measure: 'ratio',
  goal,
});
const absolute = (id: string, title: string, workload: string, measure: Measure, goal: number): Goal => ({
  id,
  title,
  workload,
  native: null,
  measure,
  goal,
});

export const goals: readonly Goal[] = [
  ratio('P1', 'map 4K, bulk', 'map4k_bulk', 'map4k_bulk', 2.5),
  ratio('P2', 'map 4K, one page a call', 'map4k_one', 'map4k_one', 3),
  ratio('P3', 'unmap 4K, one page a call', 'unmap4k_one', 'unmap4k_one', 3),
  ratio('P4', 'map 2M, bulk', 'map2m_bulk', 'map2m_bulk', 4),
  ratio('P5', 'walk, random in 65536 pages', 'walk_rand', 'walk_rand', 2.2),
  ratio('P6', 'translate, IOTLB hit', 'tlb_hit', 'tlb_dm_hit', 4.5),
  ratio('P7', 'translate, miss mix', 'tlb_mix', 'tlb_dm_mix', 4),
  absolute('P8', 'all formats live against one', 'all_live', 'times', 1.05),
  absolute('P9', 'bigint API on top of P6', 'bigint_extra', 'ns', 50),
  absolute('P10', '1e6 areas, insert in order', 'area_insert', 'ns', 150),
  absolute('P10', '1e6 areas, random find', 'area_find', 'ns', 600),
  absolute('P11', 'automatic IOVA, 1e6 areas', 'automatic_iova', 'ns', 3000),
  absolute('P11', 'the same against 1e5 areas', 'automatic_growth', 'times', 3),
  absolute('P12', '1 TiB of 4K, table bytes', 'tib_bytes', 'times', 1.02),
  ratio('P12', '1 TiB of 4K, warm fill', 'tib_fill', 'tib_fill', 2),
  absolute('P13', 'ioctl structure, decode and check', 'ioctl_struct', 'ns', 15),
  absolute('P13', 'IOAS_MAP of a page, mock domain', 'ioctl_map', 'ns', 1000),
  absolute('P14', 'dirty read and clear, per PTE', 'dirty', 'ns', 2),
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
