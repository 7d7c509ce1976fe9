import type { WordLayout } from '@ioasis/core';
import { describeRange, drawLayout, fieldsOf } from './bit-fields.ts';

/** The layouts of one vendor, under the names of their exports. */
export interface LayoutPage {
  /** Name of the page's file and of the folder with its drawings. */
  readonly file: string;
  readonly title: string;
  /** The document that names and numbers are from. */
  readonly source: string;
  readonly layouts: readonly (readonly [name: string, layout: WordLayout<string>])[];
}

/** All layouts among a package's exports, in the order of their names. */
export function layoutsAmong(exports: Readonly<Record<string, unknown>>): LayoutPage['layouts'] {
  const found: (readonly [string, WordLayout<string>])[] = [];
  for (const name of Object.keys(exports).toSorted()) {
    const value = exports[name];
    if (isLayout(value)) found.push([name, value]);
  }
  return found;
}

/** Where the drawing of a layout is, from the page. */
const drawingFile = (page: LayoutPage, name: string): string => `${page.file}/${name.toLowerCase()}.svg`;

/** Files of a page, by their names below `docs/layouts`. */
export function filesOf(page: LayoutPage): ReadonlyMap<string, string> {
  const files = new Map([[`${page.file}.md`, pageText(page)]]);
  for (const [name, layout] of page.layouts) files.set(drawingFile(page, name), drawLayout(layout));
  return files;
}

function pageText(page: LayoutPage): string {
  const sections = page.layouts.map(([name, layout]) => {
    const rows = fieldsOf(layout).map(([field, range]) => `| ${describeRange(range)} | \`${field}\` |`);
    return [
      `## ${name}`,
      `${layout.name}, ${layout.bits} bits.`,
      `![Bit fields of ${layout.name}](${drawingFile(page, name)})`,
      ['| bits | field |', '|---|---|', ...rows].join('\n'),
    ].join('\n\n');
  });
  return (
    [
      `# ${page.title}`,
      '<!-- Written by `npx vitest run --project docs -u` from the layouts that the code uses. -->',
      `The words of ${page.source}, drawn from the very data that the unit and the driver read. Dashed cells belong to no field.`,
      ...sections,
    ].join('\n\n') + '\n'
  );
}

function isLayout(value: unknown): value is WordLayout<string> {
  return typeof value === 'object' && value !== null && 'fields' in value && 'bits' in value && 'reserved' in value;
}
