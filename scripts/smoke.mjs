// Imports every package as it is published: packed by pnpm, unpacked side by side, under plain Node.
// Tests resolve the sources; only this sees a missing dependency, a wrong `exports` or an import that only a bundler accepts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const house = realpathSync(mkdtempSync(join(tmpdir(), 'ioasis-smoke-')));

try {
  const packages = readdirSync(join(root, 'packages')).map((folder) => unpack(join(root, 'packages', folder)));
  for (const { name } of packages) check(name);
  const { bin, version } = packages.find(({ name }) => name === 'ioasis');
  const printed = node([join(house, 'node_modules/ioasis', bin.ioasis), '--version']).trim();
  if (printed !== version) throw new Error(`ioasis --version printed ${JSON.stringify(printed)}, expected ${version}`);
  console.log(`ioasis --version: ${printed}`);
} finally {
  rmSync(house, { recursive: true, force: true });
}

/** Packs and unpacks one package; of the workspace's modules it gets its declared dependencies and nothing else. */
function unpack(folder) {
  const name = readManifest(folder).name;
  const tarball = join(house, `${name.replaceAll('/', '-')}.tgz`);
  execFileSync('pnpm', ['pack', '--out', tarball], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const target = join(house, 'node_modules', name);
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], { stdio: 'inherit' });

  const manifest = readManifest(target);
  for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
    if (range.startsWith('workspace:')) throw new Error(`${name} was packed with ${dependency}@${range}`);
    if (isOurs(dependency)) continue;
    const link = join(target, 'node_modules', dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(join(folder, 'node_modules', dependency)), link, 'junction');
  }
  return manifest;
}

function check(name) {
  const script = `const entry = await import(${JSON.stringify(name)});
    console.log(JSON.stringify({ file: import.meta.resolve(${JSON.stringify(name)}), exports: Object.keys(entry).length }));`;
  const { file, exports } = JSON.parse(node(['--input-type=module', '--eval', script]));
  if (!file.endsWith('/dist/index.js')) throw new Error(`${name} resolves to ${file}`);
  if (exports === 0) throw new Error(`${name} exports nothing`);
  console.log(`${name}: ${exports} exports`);
}

function node(args) {
  return execFileSync(process.execPath, args, { cwd: house, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function isOurs(name) {
  return name === 'ioasis' || name.startsWith('@ioasis/');
}
