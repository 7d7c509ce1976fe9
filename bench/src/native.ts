import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Figures, Sums } from './workloads.js';

const SOURCE = fileURLToPath(new URL('../native/radix.c', import.meta.url));
const BINARY = fileURLToPath(new URL('../../.cache/bench/radix', import.meta.url));

/** One run of native/radix.c: ns per operation (medians), and its check sums. */
export interface NativeRun {
  readonly ns: Figures;
  readonly sum: Sums;
}

/** Compiles radix.c with `cc -O2`. @returns false without a C compiler */
export function compileNative(): boolean {
  mkdirSync(fileURLToPath(new URL('../../.cache/bench', import.meta.url)), { recursive: true });
  const compiled = spawnSync(process.env['CC'] ?? 'cc', ['-O2', '-o', BINARY, SOURCE], { stdio: 'ignore' });
  return compiled.status === 0;
}

/** Runs the compiled comparator; `repetitions` of each workload. */
export function runNative(repetitions: number): NativeRun {
  const run = spawnSync(BINARY, [String(repetitions)], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`radix ended with ${String(run.status)}: ${run.stderr}`);
  return JSON.parse(run.stdout) as NativeRun;
}
