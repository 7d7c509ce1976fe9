// Builds the documentation into site/: node scripts/docs.mjs. It works offline and from any file server, so links to sources lead to pages of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build, isFresh, root } from './build.mjs';
import { brokenLinks } from './site-links.mjs';

const site = join(root, 'site');
// `sourceLinkTemplate` of typedoc.json; a path is relative to the sources of the page's package.
const LINK = /https:\/\/source\.invalid\/([^"#]+)#L(\d+)/g;

// typedoc reads declarations of packages that others import.
if (!isFresh() && build('inherit') !== 0) process.exit(1);
rmSync(site, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typedoc/bin/typedoc')], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (status !== 0) process.exit(status ?? 1);

const folders = new Map(
  readdirSync(join(root, 'packages')).map((folder) => {
    const { name } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'));
    return [name.replace('@', '_').replace('/', '_'), folder];
  }),
);
const pages = readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.html'));
const sources = new Set();
for (const page of pages) finish(page);
for (const source of sources) writeSource(source);
console.log(`site: ${pages.length} pages, ${sources.size} sources`);
const broken = brokenLinks(site);
for (const line of broken) console.error(line);
process.exitCode = broken.length === 0 ? 0 : 1;

function finish(page) {
  const file = join(site, page);
  const text = readFileSync(file, 'utf8');
  const linked = text.replace(LINK, (_, path, line) => {
    const source = `packages/${packageOf(page)}/src/${path}`;
    sources.add(source);
    return `${relative(dirname(page), `sources/${source}.html`)}#L${line}`;
  });
  // What scrolls can be reached with the keyboard.
  const finished = linked.replace(/<img [^>]*>/g, '<span class="drawing" tabindex="0">$&</span>');
  if (finished !== text) writeFileSync(file, finished);
}

/** Pages are named after the package, then what it exports: classes/_ioasis_core.PhysicalMemory.html */
function packageOf(page) {
  const [module] = page.slice(page.lastIndexOf('/') + 1).split('.');
  const folder = folders.get(module);
  if (folder === undefined) throw new Error(`${page} has links to sources and names no package`);
  return folder;
}

function writeSource(source) {
  const file = join(site, 'sources', `${source}.html`);
  const lines = readFileSync(join(root, source), 'utf8').trimEnd().split('\n');
  const body = lines.map((line, at) => `<span id="L${at + 1}">${escape(line)}\n</span>`).join('');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>${source}</title><style>:root{color-scheme:light dark}:target{background:Mark;color:MarkText}</style></head>
<body><main><h1>${source}</h1><p><a href="${relative(dirname(file), join(site, 'index.html'))}">ioasis</a></p>
<pre tabindex="0"><code>${body}</code></pre></main></body></html>\n`,
  );
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
