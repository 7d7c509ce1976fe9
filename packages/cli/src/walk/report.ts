import { hex, type TranslationWalk } from '@ioasis/core';
import { pageSizeNames } from '../backends/report.js';
import { requesterText } from '../decode/decoded.js';
import { plural } from '../plural.js';
import { paint, type Terminal } from '../terminal.js';
import type { MappedRange, Structure } from './leaves.js';
import { walkEnd, walkLines } from './walk-lines.js';

/** One walk for a person. */
export function walkText(terminal: Terminal, walk: TranslationWalk, title: string): string {
  const lines = walkLines(walk).flatMap(({ entry, fields }) => [`  ${entry}`, `    ${paint(terminal, 'dim', fields)}`]);
  const end = paint(terminal, walk.pa === undefined ? 'red' : 'green', walkEnd(walk));
  return `${[paint(terminal, 'bold', title), ...lines, `  ${end}`].join('\n')}\n`;
}

const hexWords = (words: readonly bigint[]): string[] => words.map(hex);

/** One walk for a machine. */
export const walkJson = ({ steps, pa, pageBytes, readable, writable, fault }: TranslationWalk): object => ({
  steps: steps.map(({ what, address, words, fields }) => ({
    what,
    address: hex(address),
    words: hexWords(words),
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, hex(value)])),
  })),
  pa: pa === undefined ? undefined : hex(pa),
  pageBytes: pageBytes === undefined ? undefined : Number(pageBytes),
  readable,
  writable,
  fault,
});

/** A requester with what its structures say. */
export interface RequesterStructure {
  readonly id: number;
  readonly name: string | undefined;
  readonly structure: Structure;
}

const rightsOf = ({ readable, writable }: MappedRange): string => `${readable ? 'r' : '-'}${writable ? 'w' : '-'}`;

function rangeLine(range: MappedRange): string {
  const pages = (range.last - range.start + 1n) / range.pageBytes;
  const size = `${pages} x ${pageSizeNames(range.pageBytes).join()}`;
  return `  ${hex(range.start).padEnd(14)} ${hex(range.last).padEnd(14)} ${hex(range.pa).padEnd(14)} ${size.padEnd(9)} ${rightsOf(range)}  ${range.entry === '' ? 'none' : `${range.entry}: ${hex(range.word)}`}`;
}

/** The whole translation structure as lines: of each requester the entries that lead to its tables, and a line for each range. */
export function structureLines(all: readonly RequesterStructure[]): readonly string[] {
  return all.flatMap(({ id, name, structure }) => {
    const { path, verdict, ranges } = structure;
    const words = path.map(
      ({ what, address, words: own }) => `  ${what} at ${hex(address)}: ${hexWords(own.toReversed()).join(' ')}`,
    );
    const title = `requester ${hex(id)} (${name ?? requesterText(id)}): ${verdict ?? plural(ranges.length, 'range')}`;
    const head = `  ${'IOVA'.padEnd(14)} ${'last'.padEnd(14)} ${'physical'.padEnd(14)} ${'pages'.padEnd(9)} rw  first entry`;
    return [title, ...words, ...(ranges.length === 0 ? [] : [head]), ...ranges.map(rangeLine)];
  });
}

/** The whole translation structure for a machine. */
export const structureJson = (all: readonly RequesterStructure[]): object =>
  all.map(({ id, name, structure }) => ({
    requester: id,
    name,
    verdict: structure.verdict,
    path: structure.path.map(({ what, address, words }) => ({ what, address: hex(address), words: hexWords(words) })),
    ranges: structure.ranges.map(({ start, last, pa, pageBytes, readable, writable, entry, word }) => ({
      start: hex(start),
      last: hex(last),
      pa: hex(pa),
      pageBytes: Number(pageBytes),
      readable,
      writable,
      entry,
      word: hex(word),
    })),
  }));

/** Lines that only one of two texts has, each below the requester that it is of; the same requester's lines of both together. */
export function differingLines(
  left: readonly RequesterStructure[],
  right: readonly RequesterStructure[],
): readonly string[] {
  const ids = [...new Set([...left, ...right].map(({ id }) => id))].toSorted((a, b) => a - b);
  return ids.flatMap((id) => {
    const [before, after] = [left, right].map((all) => structureLines(all.filter((each) => each.id === id)));
    const gone = (before ?? []).filter((line) => after?.includes(line) !== true);
    const come = (after ?? []).filter((line) => before?.includes(line) !== true);
    if (gone.length + come.length === 0) return [];
    return [
      `requester ${hex(id)} (${requesterText(id)})`,
      ...gone.map((line) => `-${line}`),
      ...come.map((line) => `+${line}`),
    ];
  });
}
