import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { runProgram } from 'ioasis';
import { describe, expect, it } from 'vitest';
import { figuresOf } from '../src/figures.ts';
import { blocksOf, linksOf, promisedBy, withOutput, type GuideBlock } from '../src/guide.ts';
import { recordingsIn } from '../src/recordings.ts';
import { shellCommands } from '../src/shell-commands.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const below = (folder: string): string[] => readdirSync(new URL(folder, root)).map((name) => folder + name);
const guides = [
  'README.md',
  'CONTRIBUTING.md',
  'fixtures/README.md',
  ...below('docs/').filter((name) => name.endsWith('.md')),
  ...below('packages/').map((folder) => `${folder}/README.md`),
];
/** The tests of the command line write this one, block by block. */
const writtenElsewhere = new Set(['docs/cli.md']);

async function outputOf(block: GuideBlock): Promise<string> {
  if (block.kind === 'figures') return figuresOf(read(block.file));
  if (block.kind === 'recordings') return recordingsIn(new URL(block.file, root).pathname);
  if (block.kind === 'output') return promisedBy(read(block.file));
  if (block.kind !== 'console') throw new Error(`nothing gives ${block.kind}`);
  let out = '';
  const take = (text: string): void => void (out += text);
  const argv = block.argv.map((each) => (existsSync(new URL(each, root)) ? new URL(each, root).pathname : each));
  await runProgram(argv, { colour: false, progress: false, out: take, err: take });
  return out.replaceAll(root.pathname, '');
}

/** Lines outside of fences that Markdown takes for code. */
const indentedIn = (text: string): readonly string[] =>
  text
    .replaceAll(/^```.*\n[\s\S]*?^```$/gm, '')
    .split('\n')
    .filter((line) => line.startsWith('    '));

const commandsOf = (block: GuideBlock): readonly string[] => (block.kind === 'commands' ? block.commands : []);

describe.each(guides)('%s', (guide) => {
  const text = read(guide);
  const blocks = blocksOf(text);

  it('has no block that nothing checks', () => {
    const unchecked = blocks.filter(({ kind }) => kind === 'unchecked');
    expect(writtenElsewhere.has(guide) ? [] : unchecked).toEqual([]);
    expect(indentedIn(text), 'blocks without a fence').toEqual([]);
  });

  it('quotes sources as they are', () => {
    const excerpts = blocks.filter((block) => block.kind === 'excerpt');
    const invented = excerpts.filter(({ file, code }) => !read(file).includes(code));
    expect(invented).toEqual([]);
  });

  it('shows what programs print and commands answer', async () => {
    await expect(await withOutput(text, outputOf)).toMatchFileSnapshot(new URL(guide, root).pathname);
  });

  it('links to files that exist', () => {
    for (const link of linksOf(text)) expect(existsSync(new URL(link, new URL(guide, root))), link).toBe(true);
  });
});

it('readers are told to type what something runs, and the table of commands has no others', () => {
  const typed = guides.flatMap((guide) => blocksOf(read(guide)).flatMap(commandsOf));
  expect(Object.keys(shellCommands).toSorted(), 'docs/src/shell-commands.ts').toEqual([...new Set(typed)].toSorted());
  for (const [command, proof] of Object.entries(shellCommands)) {
    if ('runBy' in proof) expect(read(proof.runBy), command).toContain(proof.as);
  }
});

it('finds blocks by what decides them', async () => {
  const guide = [
    '```text output=a.ts\nold\n```',
    '```sh\n# first\nnpm ci # once\n```',
    '```yaml\n- run: make\n```',
    '```console\n$ ioasis walk x 0x1\nold\n```',
    '```ts\nlet a;\n```\n',
  ].join('\n\n');
  expect(blocksOf(guide)).toEqual([
    { kind: 'output', file: 'a.ts' },
    { kind: 'commands', commands: ['npm ci'] },
    { kind: 'commands', commands: ['make'] },
    { kind: 'console', argv: ['walk', 'x', '0x1'] },
    { kind: 'unchecked', fence: 'ts' },
  ]);
  expect(await withOutput(guide, async () => 'new\n')).toBe(guide.replaceAll('old', 'new'));
});
