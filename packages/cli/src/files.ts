import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { left, right, type Either } from 'fp-ts/lib/Either.js';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  ENOTDIR: 'a part of the path is not a folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
};

/** Why a file cannot be used, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

const STANDARD_INPUT = 0;

/** The bytes of a file, of standard input where the path is `-`, or why there are none. */
export function readInput(path: string): Either<string, Uint8Array> {
  try {
    return right(readFileSync(path === '-' ? STANDARD_INPUT : path));
  } catch (error) {
    return left(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

/** Writes lines, compressed where the name ends in `.gz`. @returns undefined, or why it could not be done */
export function writeLines(path: string, lines: readonly string[]): string | undefined {
  const text = lines.map((line) => `${line}\n`).join('');
  try {
    writeFileSync(path, path.endsWith('.gz') ? gzipSync(text) : text);
    return undefined;
  } catch (error) {
    return `cannot write ${path}: ${reasonOf(error)}`;
  }
}
