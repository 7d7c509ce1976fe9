import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from './goals.js';
import type { PairTimes } from './hook-pairs.js';

const PACKAGES = ['core', 'compat-vfio', 'hw-intel-vtd', 'hw-arm-smmuv3', 'hw-amd-vi', 'testkit'];
/** Tests of whether somebody watches or injects failures, and what they are when nobody ever can. */
const HOOKS: readonly (readonly [RegExp, string])[] = [
  [/(?:this\.|table\.|state\.|tree\.|watch\.|memory\.|#\w+\.)*#?(?:failure|observer) !== null/g, 'false'],
  [/(?:this\.|table\.|state\.|tree\.|watch\.|memory\.|#\w+\.)*#?(?:failure|observer) === null/g, 'true'],
  [/(?:this\.|watch\.|#\w+\.)*#?observer\?\./g, 'undefined?.'],
];
/** Fewer than these and the expressions above have not found what they look for. */
const LEAST_HOOKS = 60;
/** Processes: where V8 puts the machine code differs from one to the next. */
const PROCESSES = 10;

const packagesAt = fileURLToPath(new URL('../../packages/', import.meta.url));
const benchAt = fileURLToPath(new URL('.', import.meta.url));

/** What hooks cost that nobody uses: packages as they are against copies in which the tests of the hooks are constants. */
export interface HookCost {
  /** Tests that were replaced. */
  readonly hooks: number;
  /** ns of a turn of hook-workload.ts, with and without, and their ratio: medians of the processes. */
  readonly with: number;
  readonly without: number;
  readonly ratio: number;
}

/** Measures both in turn within some processes. */
export function hookCost(): HookCost {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ioasis-hooks-')));
  try {
    copyPackages(join(folder, 'with'));
    copyPackages(join(folder, 'without'));
    const hooks = removeHooks(join(folder, 'without'));
    if (hooks < LEAST_HOOKS) throw new Error(`only ${hooks} tests of hooks were found`);
    const runs = Array.from({ length: PROCESSES }, (_, number) => runPairs(folder, number % 2 === 0));
    const of = (kind: 'with' | 'without' | 'ratio'): readonly number[] => runs.map((run) => run[kind]);
    return { hooks, with: median(of('with')), without: median(of('without')), ratio: middle(of('ratio')) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Mean of the two in the middle: one was loaded first, the other second. */
function middle(ratios: readonly number[]): number {
  const sorted = ratios.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

/** The built packages as an installation of their own: their dependencies are the repository's. */
function copyPackages(target: string): void {
  const modules = join(target, 'node_modules');
  mkdirSync(join(modules, '@ioasis'), { recursive: true });
  for (const name of PACKAGES) {
    const from = join(packagesAt, name);
    const to = join(modules, '@ioasis', name);
    cpSync(join(from, 'dist'), join(to, 'dist'), { recursive: true });
    cpSync(join(from, 'package.json'), join(to, 'package.json'));
    for (const dependency of readdirSync(join(from, 'node_modules'))) {
      const link = join(modules, dependency);
      if (dependency.startsWith('@ioasis') || dependency.startsWith('.') || existsSync(link)) continue;
      symlinkSync(realpathSync(join(from, 'node_modules', dependency)), link);
    }
  }
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n');
  cpSync(join(benchAt, 'hook-workload.js'), join(target, 'hook-workload.js'));
}

/** @returns how many */
function removeHooks(target: string): number {
  let hooks = 0;
  for (const name of PACKAGES) {
    const dist = join(target, 'node_modules', '@ioasis', name, 'dist');
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.js')) continue;
      const source = readFileSync(join(dist, file), 'utf8');
      const bare = HOOKS.reduce(
        (text, [test, constant]) =>
          text.replace(test, () => {
            hooks++;
            return constant;
          }),
        source,
      );
      if (bare !== source) writeFileSync(join(dist, file), bare);
    }
  }
  return hooks;
}

/** @param isFirst whether the packages as they are are loaded first: who is, is a little slower */
function runPairs(folder: string, isFirst: boolean): Omit<HookCost, 'hooks'> {
  const kinds = isFirst ? (['with', 'without'] as const) : (['without', 'with'] as const);
  const workloads = kinds.map((kind) => join(folder, kind, 'hook-workload.js'));
  const run = spawnSync(process.execPath, [join(benchAt, 'hook-pairs.js'), ...workloads], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  const { first, second, ratio } = JSON.parse(run.stdout) as PairTimes;
  return isFirst ? { with: first, without: second, ratio } : { with: second, without: first, ratio: 1 / ratio };
}
