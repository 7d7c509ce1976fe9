// A differential campaign: generated scenarios on a live QEMU and on our units, caches on and off.
//   pnpm test:qemu [--count 1000] [--from 1] [--unit vtd] [--show 5]
// Exit status: 0 no unexplained difference, 1 there are some, 2 QEMU is not installed or an argument is wrong.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeUnit } from '../packages/cli/dist/scenario/units.js';
import {
  deviations,
  generateAmdVi,
  generateSmmuV3,
  generateVtd,
  playOnBoth,
  writeHaltRom,
} from '../packages/testkit/dist/index.js';

const generators = { vtd: generateVtd, amdvi: generateAmdVi, smmuv3: generateSmmuV3 };
const programs = { vtd: 'qemu-system-x86_64', amdvi: 'qemu-system-x86_64', smmuv3: 'qemu-system-aarch64' };

const { values } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== '--'),
  options: {
    count: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    unit: { type: 'string', multiple: true, default: Object.keys(generators) },
    show: { type: 'string', default: '5' },
  },
});
const [count, from, show] = [values.count, values.from, values.show].map(Number);
const units = values.unit;
for (const unit of units) {
  if (!Object.hasOwn(generators, unit)) stop(`--unit takes ${Object.keys(generators).join(', ')}; it is ${unit}`);
  const { error } = spawnSync(programs[unit], ['--version']);
  if (error) stop(`${programs[unit]} is not installed (Debian: qemu-system-x86, qemu-system-arm)`);
}
if (![count, from, show].every((value) => Number.isSafeInteger(value) && value >= 0)) stop('numbers must be whole');

function stop(reason) {
  console.error(`test:qemu: ${reason}`);
  process.exit(2);
}

function machineOf(scenario, caches) {
  const unit = makeUnit(scenario, caches);
  if (unit._tag === 'Left') throw new Error(unit.left);
  return unit.right;
}

const folder = mkdtempSync(join(tmpdir(), 'ioasis-campaign-'));
writeHaltRom(join(folder, 'halt.rom'));
let found = 0;
for (const unit of units) {
  const started = Date.now();
  const explained = new Map();
  let compared = 0;
  let unexplained = 0;
  for (let seed = from; seed < from + count; seed++) {
    if (process.stderr.isTTY) process.stderr.write(`\r${unit}: ${seed - from} of ${count}`);
    const verdict = await playOnBoth(generators[unit](seed), machineOf, deviations[unit], folder);
    compared += verdict.compared;
    for (const [rule, times] of verdict.explained) explained.set(rule, (explained.get(rule) ?? 0) + times);
    for (const { scenario, step, caches, ours, theirs } of verdict.unexplained) {
      if (unexplained++ >= show) continue;
      console.log(
        `${unit} seed ${seed} step ${step}, caches ${caches ? 'on' : 'off'}: ${JSON.stringify(scenario.steps[step])}`,
      );
      console.log(`  ours ${JSON.stringify(ours)}\n  QEMU ${JSON.stringify(theirs)}`);
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  console.log(`${unit}: ${count} scenarios, ${compared} answers agree, ${unexplained} unexplained, ${seconds} s`);
  for (const [rule, times] of explained) console.log(`  ${times} x ${rule}`);
  found += unexplained;
}
rmSync(folder, { recursive: true });
process.exitCode = found === 0 ? 0 : 1;
