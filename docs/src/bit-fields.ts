import type { BitRange, WordLayout } from '@ioasis/core';

/** A run of bits in one row of a drawing; without a name nothing is there. */
interface Cell {
  readonly hi: number;
  readonly lo: number;
  readonly name: string | undefined;
  /** Stands for several rows: as wide as one. */
  readonly rows?: true;
}

const ROW_BITS = 32;
const BIT = 30;
const ROW = 44;
const LEFT = 8;
const TOP = 26;
const WIDTH = LEFT * 2 + ROW_BITS * BIT;
const NARROW = 5.6;

// The drawing stands on its own ground, so that it can be read whatever the page around it looks like.
const STYLE =
  'svg{color:#1f2328}.g{fill:#fff}.c{fill:#eef2f7;stroke:#59636e}.r{fill:#fff;stroke:#59636e;stroke-dasharray:3 2}' +
  'text{font:11px ui-monospace,monospace;fill:#1f2328;text-anchor:middle}.s{font-size:9px}.b{font-size:9px;fill:#59636e}' +
  '@media(prefers-color-scheme:dark){.g{fill:#0d1117}.c{fill:#1c2633;stroke:#8b949e}.r{fill:#0d1117;stroke:#8b949e}' +
  'text{fill:#e6edf3}.b{fill:#9da7b3}}';

/** A word as an SVG: 32 bits a row, the highest bits first, as datasheets print them. Dashed cells belong to no field. */
export function drawLayout(layout: WordLayout<string>): string {
  const rowBits = Math.min(ROW_BITS, layout.bits);
  const rows: Cell[][] = [];
  for (let lo = layout.bits - rowBits; lo >= 0; lo -= rowBits) addRow(rows, cellsOf(layout, lo + rowBits - 1, lo));
  const height = TOP + rows.length * ROW;
  const body = rows.map((cells, row) => drawRow(cells, TOP + row * ROW)).join('');
  const label = `${layout.name}, ${layout.bits} bits: ${fieldsOf(layout).map(describeField).join(', ')}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">` +
    `<title>${escape(label)}</title><style>${STYLE}</style><rect class="g" width="${WIDTH}" height="${height}"/>` +
    `${body}</svg>\n`
  );
}

/** Fields of a word from the highest bit down, with their positions. */
export const fieldsOf = (layout: WordLayout<string>): readonly (readonly [name: string, range: BitRange])[] =>
  Object.entries(layout.fields).toSorted(([, [a]], [, [b]]) => b - a);

/** `[hi:lo]`, or the one bit there is. */
export const describeRange = ([hi, lo]: BitRange): string => (hi === lo ? String(hi) : `${hi}:${lo}`);

const describeField = ([name, range]: readonly [string, BitRange]): string => `${name} ${describeRange(range)}`;

/** Rows without a field are one row with the bits of all. */
function addRow(rows: Cell[][], row: Cell[]): void {
  const above = rows.at(-1);
  const [first] = row;
  const [last] = above ?? [];
  const isEmpty = (cells: readonly Cell[] | undefined): boolean => cells?.length === 1 && cells[0]?.name === undefined;
  if (first && last && isEmpty(row) && isEmpty(above)) rows[rows.length - 1] = [{ ...last, lo: first.lo, rows: true }];
  else rows.push(row);
}

/** What a row shows: fields that reach into it, and gaps between them. */
function cellsOf(layout: WordLayout<string>, rowHi: number, rowLo: number): Cell[] {
  const cells: Cell[] = [];
  let next = rowHi;
  for (const [name, [hi, lo]] of fieldsOf(layout)) {
    const top = Math.min(hi, rowHi);
    const bottom = Math.max(lo, rowLo);
    if (top < bottom) continue;
    if (next > top) cells.push({ hi: next, lo: top + 1, name: undefined });
    cells.push({ hi: top, lo: bottom, name });
    next = bottom - 1;
  }
  if (next >= rowLo) cells.push({ hi: next, lo: rowLo, name: undefined });
  return cells;
}

function drawRow(cells: readonly Cell[], y: number): string {
  return cells
    .map(({ hi, lo, name, rows }) => {
      const width = (rows ? ROW_BITS : hi - lo + 1) * BIT;
      const x = LEFT + (ROW_BITS - 1 - (hi % ROW_BITS)) * BIT;
      const ends = hi === lo ? number(hi, x + width / 2, y) : number(hi, x + 10, y) + number(lo, x + width - 10, y);
      const box = `<rect class="${name === undefined ? 'r' : 'c'}" x="${x}" y="${y}" width="${width}" height="24"/>`;
      return ends + box + (name === undefined ? '' : drawName(name, x, y, width));
    })
    .join('');
}

const number = (bit: number, x: number, y: number): string => `<text class="b" x="${x}" y="${y - 3}">${bit}</text>`;

/** A name that is longer than its cell goes on two lines where it can, and is squeezed so that it never runs into its neighbour. */
function drawName(name: string, x: number, y: number, width: number): string {
  const room = width - 4;
  const cut = name.lastIndexOf('_');
  if (cut > 0 && name.length * NARROW > room) {
    const line = (text: string, at: number): string => drawLine(text, x + width / 2, at, room, ' class="s"');
    return line(name.slice(0, cut), y + 10) + line(name.slice(cut + 1), y + 20);
  }
  return drawLine(name, x + width / 2, y + 16, room, '');
}

function drawLine(name: string, x: number, y: number, room: number, attributes: string): string {
  const squeeze = name.length * NARROW * 1.2 > room ? ` textLength="${room}" lengthAdjust="spacingAndGlyphs"` : '';
  return `<text${attributes} x="${x}" y="${y}"${squeeze}>${escape(name)}</text>`;
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
