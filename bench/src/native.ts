import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Figures, Sums } from './rounds.js';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** One run of a program in native/: ns per operation (medians), and check sums. */
export interface NativeRun {
  readonly ns: Figures;
  readonly sum: Sums;
}

/** The comparators. */
export type NativeProgram = 'radix' | 'terabyte';

/** Compiles a comparator with `cc -O2`. @returns false without a C compiler */
export function compileNative(program: NativeProgram): boolean {
  mkdirSync(at('.cache/bench'), { recursive: true });
  const source = at(`bench/native/${program}.c`);
  const compiled = spawnSync(process.env['CC'] ?? 'cc', ['-O2', '-o', at(`.cache/bench/${program}`), source], {
    stdio: 'ignore',
  });
  return compiled.status === 0;
}

/** Runs a compiled comparator; `repetitions` of each workload. */
export function runNative(program: NativeProgram, repetitions: number): NativeRun {
  const run = spawnSync(at(`.cache/bench/${program}`), [String(repetitions)], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${program} ended with ${String(run.status)}: ${run.stderr}`);
  return JSON.parse(run.stdout) as NativeRun;
}
