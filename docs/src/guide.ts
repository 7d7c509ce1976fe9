/** A fenced block of a document, by what decides whether it is right. */
export type GuideBlock =
  | { readonly kind: 'excerpt'; readonly file: string; readonly code: string }
  | { readonly kind: 'output' | 'figures' | 'recordings'; readonly file: string }
  | { readonly kind: 'console'; readonly argv: readonly string[] }
  /** What readers type: lines of a shell, or `run:` of a workflow. */
  | { readonly kind: 'commands'; readonly commands: readonly string[] }
  | { readonly kind: 'unchecked'; readonly fence: string };

const FENCE = /^```(.*)\n([\s\S]*?)^```$/gm;
const GIVEN = /^text (output|figures|recordings)=(\S+)$/;

/** The blocks of a document in order. */
export const blocksOf = (guide: string): readonly GuideBlock[] =>
  [...guide.matchAll(FENCE)].map(([, fence = '', body = '']) => blockOf(fence, body));

function blockOf(fence: string, body: string): GuideBlock {
  const [, kind, file = ''] = GIVEN.exec(fence) ?? [];
  if (kind !== undefined) return { kind: kind as 'output' | 'figures' | 'recordings', file };
  if (fence.startsWith('ts file=')) return { kind: 'excerpt', file: fence.slice('ts file='.length), code: body };
  if (fence === 'console' && body.startsWith(PROMPT)) return { kind: 'console', argv: promptOf(body).split(' ') };
  if (fence === 'sh') return { kind: 'commands', commands: body.split('\n').flatMap(withoutComment) };
  if (fence === 'yaml') {
    return { kind: 'commands', commands: [...body.matchAll(/^ *- run: (.+)$/gm)].map(([, command = '']) => command) };
  }
  return { kind: 'unchecked', fence };
}

const PROMPT = '$ ioasis ';
const promptOf = (body: string): string => body.slice(PROMPT.length, body.indexOf('\n'));

/** A line of a shell block as a list: empty lines and comments have nothing in it. */
function withoutComment(line: string): readonly string[] {
  const command = line.replace(/(^|\s+)#.*$/, '').trim();
  return command === '' ? [] : [command];
}

/** The document with what programs print, commands answer and files count put into their blocks. */
export async function withOutput(guide: string, outputOf: (block: GuideBlock) => Promise<string>): Promise<string> {
  let text = '';
  let end = 0;
  for (const match of guide.matchAll(FENCE)) {
    const [whole, fence = '', body = ''] = match;
    const block = blockOf(fence, body);
    text += guide.slice(end, match.index);
    end = match.index + whole.length;
    if (block.kind === 'excerpt' || block.kind === 'commands' || block.kind === 'unchecked') text += whole;
    else {
      const prompt = block.kind === 'console' ? `${PROMPT}${promptOf(body)}\n` : '';
      text += `\`\`\`${fence}\n${prompt}${await outputOf(block)}\`\`\``;
    }
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
