import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../fixtures/', import.meta.url));

/** Bytes of a committed recording. */
export const fixture = (path: string): Uint8Array => readFileSync(`${root}${path}`);

/** Paths, relative to fixtures/, of the recordings in one of its folders. */
export const fixturesIn = (folder: string): string[] =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl.gz'))
    .map((name) => `${folder}/${name}`)
    .toSorted();
