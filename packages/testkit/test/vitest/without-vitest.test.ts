import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const src = new URL('../../src/', import.meta.url);

it('only the entry for vitest needs vitest: the rest works with any runner', () => {
  const needing = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter(
      (file) =>
        file.endsWith('.ts') && /from 'vitest'|import\('vitest'\)/.test(readFileSync(new URL(file, src), 'utf8')),
    )
    .map((file) => file.split('/')[0]);
  expect([...new Set(needing)]).toEqual(['vitest']);
});
