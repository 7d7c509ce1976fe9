// What would be published, as its users get it: node scripts/pack-check.mjs
// Every package is packed, checked by publint and attw, installed into an empty folder, and there the README's example compiles and runs, and `npx ioasis demo`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiler, root } from './build.mjs';

const house = mkdtempSync(join(tmpdir(), 'ioasis-pack-'));
const bin = (name) => join(root, 'node_modules/.bin', name);

try {
  const tarballs = readdirSync(join(root, 'packages')).map(pack);
  for (const { file } of tarballs) check(file);
  install(tarballs);
  runExample();
  runDemo(tarballs);
  console.log(`${tarballs.length} packages can be published (Node ${process.versions.node})`);
} finally {
  rmSync(house, { recursive: true, force: true });
}

function pack(folder) {
  const cwd = join(root, 'packages', folder);
  const file = join(house, `${folder}.tgz`);
  run('npx', ['-y', 'pnpm', 'pack', '--out', file], cwd);
  return { name: JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8')).name, file };
}

function check(file) {
  console.log(run(bin('publint'), ['run', '--strict', file]).trim().split('\n').at(-1));
  run(bin('attw'), [file, '--profile', 'esm-only', '--no-color']);
}

/** Installs all tarballs; those of ours that others ask for are the same files. */
function install(tarballs) {
  const ours = Object.fromEntries(tarballs.map(({ name, file }) => [name, `file:${file}`]));
  const manifest = { name: 'consumer', private: true, type: 'module', dependencies: ours, overrides: ours };
  writeFileSync(join(house, 'package.json'), JSON.stringify(manifest));
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], house);
}

/** Types resolve for a consumer, with the strictest settings that are common, and the program prints what the README says. */
function runExample() {
  const source = readFileSync(join(root, 'examples/first-dma.ts'), 'utf8');
  const promised = /^ \* Prints:\n((?: \* {3}.*\n)+)/m.exec(source)[1].replaceAll(/^ \* {3}/gm, '');
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023', '--outDir', 'out'];
  mkdirSync(join(house, 'src'));
  // A consumer without node's types has no console.
  writeFileSync(join(house, 'src/example.ts'), `declare const console: { log(text: string): void };\n${source}`);
  run(process.execPath, [compiler, ...options, 'src/example.ts'], house);
  const printed = run(process.execPath, ['out/example.js'], house);
  if (printed !== promised) throw new Error(`the example printed\n${printed}instead of\n${promised}`);
  console.log('the example of the README compiles and prints what it promises');
}

function runDemo(tarballs) {
  if (!tarballs.some(({ name }) => name === 'ioasis')) throw new Error('the command line was not packed');
  const printed = run('npx', ['--no-install', 'ioasis', 'demo'], house);
  const agreed = /All \d+ steps agree/.exec(printed);
  if (!agreed) throw new Error(`ioasis demo printed\n${printed}`);
  console.log(`ioasis demo: ${agreed[0]}`);
}

function run(command, args, cwd = house) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    process.stderr.write(`${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
    throw error;
  }
}
