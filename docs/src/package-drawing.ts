/** A package and those of ours that it imports at run time. */
export interface PackageNode {
  readonly name: string;
  readonly imports: readonly string[];
}

const BOX = { width: 150, height: 40, gapX: 22, gapY: 56, margin: 10 } as const;

const STYLE =
  '.g{fill:#fff}.c{fill:#eef2f7;stroke:#59636e}.a{stroke:#59636e;fill:none;marker-end:url(#h)}.h{fill:#59636e}' +
  'text{font:13px ui-monospace,monospace;fill:#1f2328;text-anchor:middle}' +
  '@media(prefers-color-scheme:dark){.g{fill:#0d1117}.c{fill:#1c2633;stroke:#8b949e}.a{stroke:#8b949e}.h{fill:#8b949e}text{fill:#e6edf3}}';

/** Packages as an SVG, importers above what they import. An arrow that a path of others implies is left out. */
export function drawPackages(packages: readonly PackageNode[]): string {
  const byName = new Map(packages.map((each) => [each.name, each]));
  const importsOf = (name: string): readonly string[] => byName.get(name)?.imports ?? [];
  const reaches = (from: string, to: string): boolean => importsOf(from).some((via) => via === to || reaches(via, to));
  const depth = (name: string): number => Math.max(0, ...importsOf(name).map((each) => depth(each) + 1));

  const rows: string[][] = [];
  for (const { name } of packages) (rows[depth(name)] ??= []).push(name);
  const widest = Math.max(...rows.map(({ length }) => length));
  const width = widest * (BOX.width + BOX.gapX) - BOX.gapX + 2 * BOX.margin;
  const height = rows.length * (BOX.height + BOX.gapY) - BOX.gapY + 2 * BOX.margin;
  const place = (name: string): { x: number; y: number } => {
    const level = depth(name);
    const row = rows[level] ?? [];
    const rowWidth = row.length * (BOX.width + BOX.gapX) - BOX.gapX;
    // The ends stand in the middle; rows between them to the left, so that arrows pass beside their boxes.
    const isEnd = level === 0 || level === rows.length - 1;
    const x = (isEnd ? (width - rowWidth) / 2 : BOX.margin) + row.indexOf(name) * (BOX.width + BOX.gapX);
    return { x, y: BOX.margin + (rows.length - 1 - level) * (BOX.height + BOX.gapY) };
  };

  const arrows = packages.flatMap(({ name, imports }) =>
    imports
      .filter((to) => !imports.some((via) => via !== to && reaches(via, to)))
      .map((to) => {
        const from = place(name);
        const target = place(to);
        const half = BOX.width / 2;
        return `<path class="a" d="M${from.x + half} ${from.y + BOX.height}L${target.x + half} ${target.y - 6}"/>`;
      }),
  );
  const boxes = packages.map(({ name }) => {
    const { x, y } = place(name);
    const box = `<rect class="c" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4"/>`;
    return `${box}<text x="${x + BOX.width / 2}" y="${y + 25}">${name.replace('@ioasis/', '')}</text>`;
  });
  const title = packages
    .map(({ name, imports }) => `${name} imports ${imports.join(', ') || 'none of ours'}`)
    .join('; ');
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">` +
    `<title>${title}</title><style>${STYLE}</style><defs><marker id="h" markerWidth="8" markerHeight="8" refX="4" refY="3" orient="auto">` +
    `<path class="h" d="M0 0L6 3L0 6z"/></marker></defs><rect class="g" width="${width}" height="${height}"/>` +
    `${arrows.join('')}${boxes.join('')}</svg>\n`
  );
}
