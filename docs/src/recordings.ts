import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const linesOf = (file: string): readonly string[] =>
  gunzipSync(readFileSync(file)).toString('latin1').trimEnd().split('\n');

const filesBelow = (folder: string, end: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`);

const grouped = (count: number): string => count.toLocaleString('en-US');

/** System calls of a trace: steps that have an errno, be it null. The other steps are the program's own memory, and notes. */
const isCall = (line: string): boolean => line.includes('"errno":');

/** What lies in a folder of recordings and is replayed by tests, counted, as lines. */
export function recordingsIn(folder: string): string {
  const traces = filesBelow(`${folder}/traces`, '.jsonl.gz').map(linesOf);
  const scenarios = filesBelow(`${folder}/scenarios`, '.jsonl.gz').map(linesOf);
  const tables = filesBelow(`${folder}/linux-tables`, '.json.gz').map((file) => linesOf(file).join(''));
  const calls = traces.flat().filter(isCall).length;
  const begun = traces.flat().filter((line) => line.includes('"op":"begin"')).length;
  // The first line of a file of scenarios is its header.
  const units = scenarios.reduce((sum, lines) => sum + lines.length - 1, 0);
  const checks = tables.reduce((sum, text) => sum + checksOf(text), 0);
  return [
    `Linux 6.12, system calls       ${grouped(calls)} in ${grouped(begun)} scenarios, ${traces.length} recordings`,
    `QEMU's units, bare             ${grouped(units)} scenarios of memory, registers and DMA`,
    `tables of Linux's drivers      ${grouped(checks)} accesses, ${tables.length} snapshots`,
    '',
  ].join('\n');
}

function checksOf(text: string): number {
  const { checks = [], walker_checks: walkerChecks = [] } = JSON.parse(text) as Record<string, readonly unknown[]>;
  return checks.length + walkerChecks.length;
}
