// `tsc -b`, and a stamp that says of which sources the build is: node scripts/build.mjs [PROJECT]
// The compiler trusts its own records and does not see that an output was deleted, so a missing one forces a full build.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(import.meta.url), '../..');
export const main = join(root, 'packages/cli/dist/main.js');
export const compiler = join(root, 'node_modules/typescript/bin/tsc');

const stamp = join(root, '.cache/build-stamp');
const packages = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name))
  .filter((folder) => existsSync(join(folder, 'tsconfig.json')));

/** Runs the compiler; its output goes to `output` (a file descriptor or 'inherit'). Returns the exit status. */
export function build(output, project = 'tsconfig.json') {
  const sources = fingerprint();
  const force = complete() ? [] : ['--force'];
  const stdio = ['ignore', output, output];
  const { status } = spawnSync(process.execPath, [compiler, '-b', project, ...force], { cwd: root, stdio });
  if (status === 0) {
    mkdirSync(dirname(stamp), { recursive: true });
    writeFileSync(stamp, sources);
  }
  return status ?? 1;
}

/** Whether the last build was of these very sources. A few milliseconds, where `tsc -b` needs over half a second. */
export function isFresh() {
  return complete() && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function complete() {
  return [main, ...packages.map((folder) => join(folder, 'dist/index.js'))].every((file) => existsSync(file));
}

function fingerprint() {
  const hash = createHash('sha256');
  const add = (file) => {
    const { mtimeMs, size } = statSync(file);
    hash.update(`${file}\0${mtimeMs}\0${size}\n`);
  };
  for (const name of ['tsconfig.json', 'tsconfig.base.json', 'pnpm-lock.yaml']) add(join(root, name));
  for (const folder of packages) {
    for (const name of ['package.json', 'tsconfig.json']) add(join(folder, name));
    for (const name of readdirSync(join(folder, 'src'), { recursive: true }).toSorted()) add(join(folder, 'src', name));
  }
  return hash.digest('hex');
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = build('inherit', process.argv[2]);
}
