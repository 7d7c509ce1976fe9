import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commandMakers } from '../src/commands.js';
import { capture, fixture, ioasis } from './captured.js';

const DOCUMENT = fileURLToPath(new URL('../../../docs/cli.md', import.meta.url));

const INTRODUCTION = `# Command line

What each verb says of itself with \`--help\`. Answers go to standard output, everything else to standard error in one line that begins with
\`ioasis:\`. Colours and progress appear on terminals only, and \`NO_COLOR\` turns colours off.
`;

/** For each verb that takes `--json` a command that answers at once. */
const asked: Readonly<Record<string, readonly string[]>> = {
  demo: [],
  replay: ['--scenario', 'vfio/version-extension', fixture('traces/vfio/compat.jsonl.gz')],
  scenario: ['--scenario', 'walk-0000', fixture('scenarios/vtd.jsonl.gz')],
  diff: ['--scenario', 'vfio/version-extension', fixture('traces/vfio/compat.jsonl.gz')],
  walk: ['--device', '00:02.0', fixture('linux-tables/vtd-linux-6.12-aw39.json.gz'), 'fffff000'],
  decode: [fixture('traces/device/iommufd-vtd-aw39.dmesg.txt')],
  explain: ['MAP_IOVA_OCCUPIED'],
  backends: ['mock'],
  conformance: ['mock'],
};

/** What a program finds at the top of an answer, and one level below. */
function shapeOf(answer: unknown): string {
  if (Array.isArray(answer)) return `a list; of each: ${keysOf(answer[0])}`;
  return keysOf(answer);
}

const keysOf = (value: unknown): string =>
  Object.entries(value as Record<string, unknown>)
    .map(([key, below]) => {
      const items: unknown = Array.isArray(below) ? below[0] : undefined;
      const inner = typeof items === 'object' && items !== null ? Object.keys(items).join(', ') : '';
      return inner === '' ? `\`${key}\`` : `\`${key}\` (${inner})`;
    })
    .join(', ');

const JSON_ANSWERS = `With \`--json\` standard output is one JSON value and the exit status is the same. Addresses are hexadecimal strings, counts are numbers. \`run\` prints what
its program prints and writes \`--trace\` for programs; \`campaign\` counts for people only.
`;

const verbs = commandMakers.map((make) => make(capture(), () => undefined).name());
const block = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;

describe('ioasis', () => {
  it('prints its version', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await ioasis('--version')).toEqual({ status: 0, out: `${manifest.version}\n`, err: '' });
  });

  it.each(verbs)('prints help of %s with examples and exit statuses', async (verb) => {
    expect((await ioasis('--help')).out).toContain(`  ${verb} `);
    const { status, out, err } = await ioasis(verb, '--help');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain('Exit status: 0');
    expect(out).toContain(`Examples:\n  ioasis ${verb}`);
  });

  it('the document shows the help of every verb', async () => {
    const rows: string[] = [];
    for (const verb of verbs) {
      const takesJson = (await ioasis(verb, '--help')).out.includes('--json');
      expect(takesJson, verb).toBe(verb in asked);
      if (!takesJson) continue;
      const { err, out } = await ioasis(verb, '--json', ...asked[verb]!);
      expect(err).toBe('');
      rows.push(`| \`${verb}\` | ${shapeOf(JSON.parse(out))} |\n`);
    }
    const answers = `## Answers for programs\n\n${JSON_ANSWERS}\n| verb | keys of its JSON |\n|---|---|\n${rows.join('')}`;
    const sections = [answers, `## ioasis\n`, block((await ioasis('--help')).out)];
    for (const verb of verbs) sections.push(`## ioasis ${verb}\n`, block((await ioasis(verb, '--help')).out));
    await expect(`${INTRODUCTION}\n${sections.join('\n')}`).toMatchFileSnapshot(DOCUMENT);
  });

  it('says how to use it when nothing is asked, and fails', async () => {
    const { status, out, err } = await ioasis();
    expect(status).toBe(2);
    expect(out + err).toContain('Usage: ioasis');
  });

  it.each([
    [['replai'], "ioasis: unknown command 'replai'; see ioasis --help\n"],
    [['replay'], "ioasis: missing required argument 'trace'; see ioasis replay --help\n"],
    [['replay', '--fast', 'x'], "ioasis: unknown option '--fast'; see ioasis replay --help\n"],
    [
      ['replay', '--machine', 'pdp11', 'x'],
      "ioasis: option '--machine <name>' argument 'pdp11' is invalid. Allowed choices are none, q35+vtd, q35+vtd48, q35+vtd-sm, q35+amd, virt+smmuv3; see ioasis replay --help\n",
    ],
    [
      ['replay', '--show', '-1', 'x'],
      "ioasis: option '--show <count>' argument '-1' is invalid. It must be a whole number; see ioasis replay --help\n",
    ],
    [
      ['scenario', '--caches', 'maybe', 'x'],
      "ioasis: option '--caches <state>' argument 'maybe' is invalid. Allowed choices are on, off; see ioasis scenario --help\n",
    ],
  ])('complains in one line: %j', async (args, complaint) => {
    expect(await ioasis(...args)).toEqual({ status: 2, out: '', err: complaint });
  });
});
