// Looks at the built site in a browser: node scripts/docs-check.mjs [FOLDER FOR SCREENSHOTS]
// Needs Chromium (`chromium` on the path, or CHROMIUM) and a site (pnpm docs:build).
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { root } from './build.mjs';
import { serve } from './serve.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.argv[2] ?? join(root, '.cache/screenshots');
const PAGES = [
  'index.html',
  'documents/Start_here__five_minutes_to_a_first_test.html',
  'documents/How_a_walk_works_on_each_vendor.html',
  'documents/Layouts_of_VT-d.html',
  'documents/Command_line.html',
  'modules/_ioasis_core.html',
  'classes/_ioasis_core.PhysicalMemory.html',
];
const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'phone', colorScheme: 'light', viewport: { width: 390, height: 844 } },
  { name: 'phone-dark', colorScheme: 'dark', viewport: { width: 390, height: 844 } },
];

// typedoc puts an anchor into each summary of a foldable section; both can be reached with the keyboard.
const ACCEPTED = { 'nested-interactive': { enabled: false } };

if (!existsSync(join(root, 'site/index.html'))) {
  console.error('there is no site; build it first: npx -y pnpm docs:build');
  process.exit(2);
}

const problems = [];
mkdirSync(shots, { recursive: true });
const server = await serve(0);
const base = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  for (const look of LOOKS) await lookAt(look);
  await navigate();
} finally {
  await browser.close();
  server.close();
}
for (const problem of problems) console.error(problem);
console.log(`${PAGES.length} pages in ${LOOKS.length} looks: ${problems.length} problems; screenshots in ${shots}`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function open(look) {
  const { name, ...options } = look;
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${name}: ${page.url()}: console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`${name}: ${page.url()}: ${error.message}`));
  page.on('response', (response) => {
    if (!response.ok()) problems.push(`${name}: ${page.url()}: ${response.status()} ${response.url()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith('data:'))
      problems.push(`asks for ${request.url()}`);
  });
  return page;
}

async function lookAt(look) {
  const page = await open(look);
  for (const path of PAGES) {
    await page.goto(base + path, { waitUntil: 'networkidle' });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) problems.push(`${look.name}: ${path} is ${wide} pixels wider than the screen`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(
      (rules) => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'], rules }),
      ACCEPTED,
    );
    for (const { id, nodes } of violations) {
      problems.push(`${look.name}: ${path}: ${id} at ${nodes.length} places: ${nodes[0].target.join(' ')}`);
    }
    await page.screenshot({ path: join(shots, `${look.name}-${path.replaceAll('/', '-')}.png`) });
  }
  await page.context().close();
}

/** From the front page to a guide by its link, to a class by the search, and to a line of its source. */
async function navigate() {
  const page = await open(LOOKS[0]);
  await page.goto(base, { waitUntil: 'networkidle' });
  await page.locator('.tsd-typography a', { hasText: 'start here' }).first().click();
  await page.waitForURL('**/Start_here*.html');
  await page.locator('#tsd-search-trigger').click();
  await page.locator('#tsd-search-input').fill('PhysicalMemory');
  await page.locator('#tsd-search-results a', { hasText: 'PhysicalMemory' }).first().click();
  await page.waitForURL('**/*PhysicalMemory*.html*');
  await page.locator('.tsd-sources a').first().click();
  await page.waitForURL('**/sources/packages/core/src/**');
  await page.context().close();
}
