/** Operations of a chunk. */
const CHUNK = 1024;

/**
 * Does operations `[0, count)` chunk by chunk. A loop of its own over all of them would be optimized while it runs, which V8 does worse than
 * for a function that is called often, as those of users are.
 */
export function inChunks(count: number, chunk: (from: number, to: number) => number): number {
  let sum = 0;
  for (let from = 0; from < count; from += CHUNK) sum += chunk(from, Math.min(count, from + CHUNK));
  return sum;
}
