const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** A table of Markdown, line by line. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  row(head),
  row(head.map(() => '---')),
  ...rows.map(row),
];
