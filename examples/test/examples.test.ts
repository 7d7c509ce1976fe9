import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

const folder = new URL('..', import.meta.url);
const examples = readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.endsWith('.config.ts'));

it('every example runs to its end', { timeout: 60_000 }, async () => {
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    await expect(import(new URL(example, folder).href), example).resolves.toBeDefined();
  }
});
