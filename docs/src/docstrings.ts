/** Code in a docstring: what stands between fences, as it would stand in a file. */
export interface DocstringExample {
  /** Line of the fence, from 1. */
  readonly line: number;
  readonly code: string;
}

const BLOCK = /^( *)\* ```.*\n((?:\1\*.*\n)*?)\1\* ```$/gm;

/** The fenced code of a source's docstrings. @throws Error for an `@example` without one, which nothing could check */
export function examplesOf(source: string): readonly DocstringExample[] {
  for (const { index } of source.matchAll(/^ *\* @example\b(?! *\n *\* ```ts$)/gm)) {
    throw new Error(`line ${lineAt(source, index)}: @example is followed by a fence of ts`);
  }
  return [...source.matchAll(BLOCK)].map(({ 2: body = '', index }) => ({
    line: lineAt(source, index),
    code: body.replaceAll(/^ *\* ?/gm, ''),
  }));
}

const lineAt = (source: string, index: number): number => source.slice(0, index).split('\n').length;

/** Whether a file has these lines, one after another; how far they are indented as a whole does not matter. */
export function quotes(file: string, code: string): boolean {
  const wanted = code.trimEnd().split('\n');
  const lines = file.split('\n');
  return lines.some((first, at) => {
    const indent = first.length - first.trimStart().length;
    return wanted.every((line, n) => lines[at + n]?.slice(line === '' ? 0 : indent) === line);
  });
}
