import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, it, vi } from 'vitest';

const folder = new URL('..', import.meta.url);
const isProgram = (file: string): boolean => file.endsWith('.ts') && !/\.(config|test)\.ts$/.test(file);

/** What the comment at the head of an example says that it prints. */
function promisedBy(source: string): string[] {
  const [, promised = ''] = /^ \* Prints:\n((?: \* {3}.*\n)+)/m.exec(source) ?? [];
  return promised
    .split('\n')
    .slice(0, -1)
    .map((line) => line.slice(' *   '.length));
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it.each(readdirSync(folder).filter(isProgram))('%s prints what its comment says', async (example) => {
  const file = new URL(example, folder);
  const printed: string[] = [];
  vi.stubEnv('IOASIS_BACKEND', undefined);
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(...line.split('\n')));
  await import(file.href);
  const promised = promisedBy(readFileSync(file, 'utf8'));
  expect(promised).not.toEqual([]);
  expect(printed).toEqual(promised);
});
