import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { drawPackages, type PackageNode } from '../src/package-drawing.ts';

const folder = new URL('../../packages/', import.meta.url);
const isOurs = (name: string): boolean => name === 'ioasis' || name.startsWith('@ioasis/');

const packages: readonly PackageNode[] = readdirSync(folder).map((each) => {
  const manifest = JSON.parse(readFileSync(new URL(`${each}/package.json`, folder), 'utf8')) as {
    name: string;
    dependencies?: Record<string, string>;
  };
  return { name: manifest.name, imports: Object.keys(manifest.dependencies ?? {}).filter(isOurs) };
});

it('shows the packages as their manifests have them', async () => {
  await expect(drawPackages(packages)).toMatchFileSnapshot(new URL('../packages.svg', import.meta.url).pathname);
});

it('leaves out arrows that others imply', () => {
  const svg = drawPackages([
    { name: 'top', imports: ['middle', 'bottom'] },
    { name: 'middle', imports: ['bottom'] },
    { name: 'bottom', imports: [] },
  ]);
  expect(svg.match(/class="a"/g)).toHaveLength(2);
});
