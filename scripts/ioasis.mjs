// Runs the command line from a checkout: npx -y pnpm --silent ioasis ARGS
// Stdout belongs to the command alone, so the installer and the compiler write to stderr.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { build, compiler, isFresh, main, root } from './build.mjs';

// Not 0, 1 or 2: those are answers of the command.
const CANNOT_START = 70;
const STDERR = 2;

if (!existsSync(compiler)) {
  const install = ['-y', 'pnpm', 'install', '--frozen-lockfile'];
  const { status } = spawnSync('npx', install, { cwd: root, stdio: ['ignore', STDERR, STDERR] });
  if (status !== 0) giveUp('the packages could not be installed');
}
if (!isFresh() && build(STDERR) !== 0) giveUp('the sources do not compile');

// pnpm starts scripts in the root; file arguments are relative to where the caller stands.
if (process.env.INIT_CWD && process.cwd() === root) process.chdir(process.env.INIT_CWD);
process.argv[1] = main;
await import(pathToFileURL(main).href);

function giveUp(reason) {
  process.stderr.write(`ioasis: cannot start: ${reason}\n`);
  process.exit(CANNOT_START);
}
