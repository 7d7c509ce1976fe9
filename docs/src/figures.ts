/** Rows of docs/performance.md that stand for it elsewhere: those of VT-d, the first backend of each table. */
const GOAL = /^\| (?:P1|P4|P5|P6|P7) \| ([^|]+) \| vtd-ss \| ([^|]+) \|/gm;
const END_TO_END =
  /^\| (MAP_DMA of 4 KiB|UNMAP_DMA of 4 KiB|DMA read of 64 bytes, IOTLB hit|start of a machine) \| intel-vtd \| ([^|]+) \|/gm;

/** The figures as lines. @throws Error when the document has none of them, because its tables changed */
export function figuresOf(performance: string): string {
  const rows = [GOAL, END_TO_END].flatMap((pattern) => [...performance.matchAll(pattern)]);
  if (rows.length < 2) throw new Error('the tables of docs/performance.md have another form');
  return rows.map(([, what = '', value = '']) => `${what.padEnd(34)}${value}\n`).join('');
}
