import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** Header and steps of a trace, plain or gzip. */
export function readTrace(file) {
  const bytes = readFileSync(file);
  const text = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8');
  const [header, ...steps] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  return { header, steps };
}

/** Prints a trace. */
export function printTrace({ header, steps }) {
  for (const line of [header, ...steps]) process.stdout.write(`${JSON.stringify(line)}\n`);
}
