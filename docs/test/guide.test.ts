import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { runProgram } from 'ioasis';
import { describe, expect, it } from 'vitest';
import { figuresOf } from '../src/figures.ts';
import { blocksOf, linksOf, promisedBy, withOutput, type GuideBlock } from '../src/guide.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const markdownIn = (folder: string): string[] =>
  readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => folder + name);
const guides = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs/')];

async function outputOf(block: GuideBlock): Promise<string> {
  if (block.kind === 'figures') return figuresOf(read(block.file));
  if (block.kind !== 'console') return promisedBy(read(block.file));
  let out = '';
  const take = (text: string): void => void (out += text);
  const argv = block.argv.map((each) => (existsSync(new URL(each, root)) ? new URL(each, root).pathname : each));
  await runProgram(argv, { colour: false, progress: false, out: take, err: take });
  return out.replaceAll(root.pathname, '');
}

describe.each(guides)('%s', (guide) => {
  const text = read(guide);
  const excerpts = blocksOf(text).filter((block) => block.kind === 'excerpt');

  it('quotes sources as they are', () => {
    for (const { file, code } of excerpts) expect(read(file), file).toContain(code);
    expect(text.match(/^```ts/gm)?.length ?? 0, 'every TypeScript block names its file').toBe(excerpts.length);
  });

  it('shows what programs print and commands answer', async () => {
    await expect(await withOutput(text, outputOf)).toMatchFileSnapshot(new URL(guide, root).pathname);
  });

  it('links to files that exist', () => {
    for (const link of linksOf(text)) expect(existsSync(new URL(link, new URL(guide, root))), link).toBe(true);
  });
});

it('finds blocks, and leaves others alone', async () => {
  const guide = '```text output=a.ts\nold\n```\n\n```sh\nnpm\n```\n\n```console\n$ ioasis walk x 0x1\nold\n```\n';
  expect(blocksOf(guide)).toEqual([
    { kind: 'output', file: 'a.ts' },
    { kind: 'console', argv: ['walk', 'x', '0x1'] },
  ]);
  expect(await withOutput(guide, async () => 'new\n')).toBe(guide.replaceAll('old', 'new'));
});
