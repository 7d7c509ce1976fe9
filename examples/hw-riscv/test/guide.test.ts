import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);
const guide = readFileSync(new URL('docs/add-a-hardware-model.md', root), 'utf8');
const excerpts = [...guide.matchAll(/^```ts file=(\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', code = '']) => ({
  file,
  code,
  first: code.trimStart().split('\n')[0],
}));

describe('the guide "Add a hardware model"', () => {
  it('has excerpts, and every TypeScript block names its file', () => {
    expect(excerpts.length).toBeGreaterThan(10);
    expect(guide.match(/^```ts/gm)).toHaveLength(excerpts.length);
  });

  it.each(excerpts)('quotes $file as it is: $first', ({ file, code }) => {
    expect(readFileSync(new URL(file, root), 'utf8')).toContain(code);
  });

  it('links to files that exist', () => {
    const links = [...guide.matchAll(/\]\((\.\.\/[^)]+)\)/g)].map(([, link = '']) => link);
    expect(links).not.toEqual([]);
    for (const link of links) expect(existsSync(new URL(link, new URL('docs/', root))), link).toBe(true);
  });
});
