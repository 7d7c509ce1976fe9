import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../native');
const FLAGS = ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror'] as const;

/** The C compiler to use: CC of the environment, or `cc`. Undefined: there is none. */
export function compiler(): string | undefined {
  const command = process.env['CC'] ?? 'cc';
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0 ? command : undefined;
}

/**
 * The path of the preload library, which is built with the system's C compiler on first use and kept in the user's cache.
 * @throws Error that says what to install or to set, when there is no compiler, it fails, or there is no room for the result
 */
export function preloadLibrary(): string {
  const names = readdirSync(SOURCES).toSorted();
  const hash = createHash('sha256');
  for (const name of names) hash.update(name).update(readFileSync(join(SOURCES, name)));
  hash.update(FLAGS.join(' ')).update(process.arch);
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'ioasis');
  const library = join(folder, `preload-${hash.digest('hex').slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  const command = compiler();
  if (command === undefined) throw new Error('no C compiler: install one (gcc or clang), or set CC to it');
  makeFolder(folder);
  const fresh = `${library}.${process.pid}`;
  const files = names.filter((name) => name.endsWith('.c')).map((name) => join(SOURCES, name));
  execFileSync(command, [...FLAGS, '-o', fresh, ...files, '-ldl', '-lpthread'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  renameSync(fresh, library);
  return library;
}

/** Not `recursive`: that tries for ever where the system has no such folder although its parent is there, as below /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process was faster.
    if (existsSync(folder)) return;
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`cannot make ${folder} (${code}): set XDG_CACHE_HOME to a folder for the preload library`, {
      cause: error,
    });
  }
}
