import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { examplesOf, quotes } from '../src/docstrings.ts';

const root = new URL('../../', import.meta.url).pathname;
/** Without links: the packages in node_modules lead back to each other for ever. */
const sourcesBelow = (folder: string): string[] =>
  readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
const read = (path: string): string => readFileSync(root + path, 'utf8');

it('code in docstrings is quoted from the examples, which are compiled and run', () => {
  const examples = sourcesBelow('examples').map(read);
  const sources = readdirSync(`${root}packages`).flatMap((each) => sourcesBelow(`packages/${each}/src`));
  const found = sources.flatMap((path) =>
    examplesOf(read(path)).map((each) => ({ at: `${path}:${each.line}`, ...each })),
  );
  const invented = found.filter(({ code }) => !examples.some((example) => quotes(example, code)));
  expect(invented, 'no file below examples/ has this').toEqual([]);
  expect(found.length).toBeGreaterThan(5);
});

it('finds fenced code and refuses an example without a fence', () => {
  const source = ['/**', ' * Text.', ' * @example', ' * ```ts', ' * if (a) {', ' *   b();', ' * }', ' * ```', ' */'];
  expect(examplesOf(source.join('\n'))).toEqual([{ line: 4, code: 'if (a) {\n  b();\n}\n' }]);
  expect(() => examplesOf('/**\n * @example\n * call();\n */')).toThrow('line 2: @example is followed by a fence');
});

it('compares lines whatever they are indented by, and tells others apart', () => {
  expect(quotes('x;\n  if (a) {\n\n    b();\n  }\n', 'if (a) {\n\n  b();\n}\n')).toBe(true);
  expect(quotes('  if (a) {\n  b();\n  }\n', 'if (a) {\n  b();\n}\n')).toBe(false);
  expect(quotes('if (a) {\n  b();\n', 'if (a) {\n  b();\n}\n')).toBe(false);
});
