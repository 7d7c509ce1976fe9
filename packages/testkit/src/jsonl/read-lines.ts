import { Buffer } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { left, right, type Either } from 'fp-ts/lib/Either.js';

/** Why a recording cannot be read: the place and what is wrong there. */
export interface MalformedLine {
  readonly file: string;
  /** 1 for the first line; 0 when the file as a whole is at fault. */
  readonly line: number;
  readonly reason: string;
}

/** `file:line: reason`, one line for a person. */
export const describeMalformedLine = ({ file, line, reason }: MalformedLine): string =>
  line === 0 ? `${file}: ${reason}` : `${file}:${line}: ${reason}`;

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * Cuts a recording into its lines. Gzip is told by its first two bytes, not by the file's name.
 * @returns the lines without their line ends; Left when the compressed stream is damaged, the file is empty or the UTF-8 is broken
 */
export function readLines(file: string, bytes: Uint8Array): Either<MalformedLine, readonly string[]> {
  let plain: Uint8Array;
  try {
    plain = isGzip(bytes) ? gunzipSync(bytes) : bytes;
  } catch (error) {
    return left({
      file,
      line: 0,
      reason: `damaged gzip stream: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
  if (plain.length === 0) return left({ file, line: 1, reason: 'the file is empty; line 1 is a header' });
  const lines = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return right(lines);
}
