import { pathToFileURL } from 'node:url';
import { ownTime } from './clock.js';
import { median } from './goals.js';
import type * as Workload from './hook-workload.js';

/*
 * A program of its own: hook-pairs.js FIRST SECOND, two copies of hook-workload.js. Runs both in turn, so that both see the same milliseconds
 * of the machine. Prints PairTimes.
 */

/** Median ns of a turn, and of the pairs' ratios. */
export interface PairTimes {
  readonly first: number;
  readonly second: number;
  readonly ratio: number;
}

const TURNS = 100;
const WARM_UP = 300;
const PAIRS = 600;

const load = async (path: string): Promise<(turns: number) => void> => {
  const module = (await import(pathToFileURL(path).href)) as typeof Workload;
  return module.turnsOn({});
};
const [first, second] = await Promise.all(process.argv.slice(2, 4).map(load));
if (first === undefined || second === undefined) throw new Error('two modules are needed');

const pairs = Array.from({ length: WARM_UP + PAIRS }, (_, pair) => {
  const time = (run: (turns: number) => void): number => ownTime(() => run(TURNS)) / TURNS;
  // Who comes first pays for the other's garbage.
  if (pair % 2 === 0) return [time(first), time(second)] as const;
  const later = time(second);
  return [time(first), later] as const;
}).slice(WARM_UP);

const result: PairTimes = {
  first: median(pairs.map(([ns]) => ns)),
  second: median(pairs.map(([, ns]) => ns)),
  ratio: median(pairs.map(([one, other]) => one / other)),
};
process.stdout.write(JSON.stringify(result));
