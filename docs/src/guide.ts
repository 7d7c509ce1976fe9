/** A fenced block of a guide whose content something else decides. */
export type GuideBlock =
  | { readonly kind: 'excerpt'; readonly file: string; readonly code: string }
  | { readonly kind: 'output' | 'figures'; readonly file: string }
  | { readonly kind: 'console'; readonly argv: readonly string[] };

const FENCE = /^```(ts file=|text output=|text figures=|console\n\$ ioasis )(.*)\n([\s\S]*?)^```$/gm;

/** The blocks of a guide in order. */
export const blocksOf = (guide: string): readonly GuideBlock[] =>
  [...guide.matchAll(FENCE)].map(([, fence = '', first = '', body = '']) => blockOf(fence, first, body));

function blockOf(fence: string, first: string, body: string): GuideBlock {
  if (fence.startsWith('ts')) return { kind: 'excerpt', file: first, code: body };
  if (fence.startsWith('text output')) return { kind: 'output', file: first };
  if (fence.startsWith('text figures')) return { kind: 'figures', file: first };
  return { kind: 'console', argv: first.split(' ') };
}

/** The guide with what programs print and what commands answer put into their blocks. */
export async function withOutput(guide: string, outputOf: (block: GuideBlock) => Promise<string>): Promise<string> {
  let text = '';
  let end = 0;
  for (const match of guide.matchAll(FENCE)) {
    const [whole, fence = '', first = '', body = ''] = match;
    const block = blockOf(fence, first, body);
    text += guide.slice(end, match.index);
    text += block.kind === 'excerpt' ? whole : `\`\`\`${fence}${first}\n${await outputOf(block)}\`\`\``;
    end = match.index + whole.length;
  }
  return text + guide.slice(end);
}

/** What the comment at the head of an example promises that it prints; a test of the examples runs them. */
export function promisedBy(source: string): string {
  const [, promised = ''] = /^ \* Prints:\n((?: \* {3}.*\n)+)/m.exec(source) ?? [];
  return promised.replaceAll(/^ \* {3}/gm, '');
}

/** Relative links of a guide, without fragments. */
export const linksOf = (guide: string): readonly string[] =>
  [...guide.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => link);
