// node scripts/record/record.mjs --kernel bzImage [--machine NAME] [--seconds N] trace.jsonl > recorded.jsonl
//
// Asks a real kernel under QEMU what a trace asks, and prints the trace with the kernel's answers. Needs cc and qemu-system-x86_64; what
// the kernel must have is in fixtures/README.md.
import { parseArgs } from 'node:util';
import { answered, answersOf } from './answers.mjs';
import { boot, MACHINES } from './machine.mjs';
import { scriptOf } from './script.mjs';
import { printTrace, readTrace } from './trace-file.mjs';

const USAGE = 'record.mjs --kernel bzImage [--machine NAME] [--seconds N] trace.jsonl > recorded.jsonl';

async function main() {
  const { values, positionals } = parseArgs({
    options: { kernel: { type: 'string' }, machine: { type: 'string' }, seconds: { type: 'string', default: '600' } },
    allowPositionals: true,
  });
  if (values.kernel === undefined || positionals.length !== 1) throw new Error(`usage: ${USAGE}`);
  const { header, steps } = readTrace(positionals[0]);
  const machine = values.machine ?? header.machine;
  if (MACHINES[machine] === undefined) throw new Error(`no machine ${machine}; ${Object.keys(MACHINES).join(', ')}`);
  const output = await boot({
    kernel: values.kernel,
    machine,
    script: scriptOf(steps),
    seconds: Number(values.seconds),
  });
  const { answers, problems, kernel } = answersOf(output);
  const lost = steps.filter(({ seq }) => !answers.has(seq)).length;
  if (lost > 0) problems.push(`${lost} of ${steps.length} steps have no answer`);
  if (problems.length > 0) throw new Error(problems.join('\nrecord: '));
  const recorded = steps.map((step) => answered(step, answers.get(step.seq)));
  printTrace({ header: { ...header, kernel, machine }, steps: recorded });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`record: ${error.message}\n`);
  process.exitCode = 1;
}
