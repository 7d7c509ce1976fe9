import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What `pnpm test` costs. */
export interface SuiteTime {
  readonly seconds: number;
  readonly passed: number;
}

/** Runs all tests of the repository. @returns undefined when one fails: its time would mean nothing */
export function suiteTime(): SuiteTime | undefined {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const vitest = join(dirname(createRequire(join(root, 'package.json')).resolve('vitest/package.json')), 'vitest.mjs');
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-suite-'));
  const report = join(folder, 'report.json');
  try {
    const start = process.hrtime.bigint();
    const run = spawnSync(process.execPath, [vitest, 'run', '--reporter=json', `--outputFile=${report}`], {
      cwd: root,
      stdio: 'ignore',
    });
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    if (run.status !== 0) return undefined;
    const { numPassedTests } = JSON.parse(readFileSync(report, 'utf8')) as { readonly numPassedTests: number };
    return { seconds, passed: numPassedTests };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
