import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isLeft } from 'fp-ts/lib/Either.js';
import { readTrace, replayTrace } from '@ioasis/testkit';
import { it } from 'vitest';
import { replayMachine } from '../../src/replay/machines.js';
const folder = fileURLToPath(new URL('../../../../fixtures/traces/', import.meta.url));
it('x', { timeout: 200000 }, () => {
  let out = '';
  for (const name of (process.env['TRACES'] ?? 'vfio/compat').split(',')) {
    const trace = readTrace(name, readFileSync(`${folder}${name}.jsonl.gz`));
    if (isLeft(trace)) throw new Error(trace.left.reason);
    const machine = replayMachine(trace.right.header, {});
    if (isLeft(machine)) {
      out += `${name}: ${machine.left}\n`;
      continue;
    }
    const r = replayTrace(trace.right, machine.right.make, {});
    out += `== ${name}: ${r.divergences.length} of ${r.compared}\n`;
    const kinds = new Map<string, number>();
    for (const { step, differences } of r.divergences) {
      const d: any = differences[0];
      const key = `${d.what} exp=${String(d.expected).slice(0, 60)} got=${String(d.got)
        .slice(0, 400)
        .replace(/0x[0-9a-f]+/g, 'X')}`;
      if (!kinds.has(key))
        out += `  ${step.seq} ${step.scenario} ${(step as any).cmd ?? step.op}: ${d.what} expected=${d.expected} got=${String(d.got).slice(0, 900)} ${JSON.stringify(d.fields).slice(0, 300)}\n`;
      kinds.set(key, (kinds.get(key) ?? 0) + 1);
    }
    out += [...kinds].map(([k, n]) => `   ${n} x ${k.slice(0, 160)}\n`).join('');
  }
  writeFileSync('/tmp/g-replay.txt', out);
});
