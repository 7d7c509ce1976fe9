// node scripts/record/vary.mjs [--seed N] [--times N] [--extra N] trace.jsonl > questions.jsonl
//
// Makes new questions of a trace: each scenario again, with calls left out, repeated and changed in a field, perhaps cut short, and followed by
// calls of other scenarios. The answers in it are those of the old questions: let ioasis (replay --emit) or a kernel (record.mjs) answer.
import { Buffer } from 'node:buffer';
import { parseArgs } from 'node:util';
import { Random } from './random.mjs';
import { printTrace, readTrace } from './trace-file.mjs';

const MASK = 2n ** 64n - 1n;
/** Numbers that rules turn on: ids, counts, flags, sizes of structures. */
const WORDS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16, 24, 0x800, 0x1000, 0x2000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
];
/** Addresses and lengths that rules turn on, added to those that the trace uses. */
const QUADS = [
  0n,
  1n,
  MASK,
  MASK - 1n,
  1n << 63n,
  (1n << 63n) - 1n,
  1n << 32n,
  0x800n,
  0x1000n,
  0x20_0000n,
  MASK - 0xfffn,
];
const DISTANCES = [0n, 0n, 0n, 1n, MASK, 0x100n, 0x800n, 0x1000n, 0x2000n, 0x1_0000n, MASK - 0xfffn];
const DMA_DISTANCES = [1n, 0x800n, 0xfffn, 0x1000n, 0x20_0000n, 1n << 39n, 1n << 47n, 1n << 48n, 1n << 63n];
const DMA_BYTES = [1, 2, 7, 64, 256, 4095, 4096];
const EDU_BUFFER_BYTES = 4096;

/** The test ioctl's limit of temporary memory outlives a scenario, so it is not asked for anew. */
const TEST_CMD = '0x3ba0';
const SET_TEMP_MEMORY_LIMIT = 9;
const setsLimit = (step) =>
  step.nr === TEST_CMD &&
  step.in?.length >= 16 &&
  Buffer.from(step.in, 'hex').readUInt32LE(4) === SET_TEMP_MEMORY_LIMIT;

const { values, positionals } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    times: { type: 'string', default: '1' },
    extra: { type: 'string', default: '150' },
  },
  allowPositionals: true,
});
if (positionals.length !== 1) {
  process.stderr.write('vary: usage: vary.mjs [--seed N] [--times N] [--extra N] trace.jsonl > questions.jsonl\n');
  process.exit(2);
}

const { header, steps } = readTrace(positionals[0]);
const random = new Random(Number(values.seed));
const scenarios = [];
for (const step of steps) {
  if (step.op === 'begin') scenarios.push([]);
  scenarios.at(-1).push(step);
}
const quads = steps.flatMap(({ in: bytes }) => quadsOf(Buffer.from(bytes ?? '', 'hex'))).concat(QUADS);
const calls = steps.filter(
  (step) => !['begin', 'end', 'open', 'close', 'note', 'sysfile', 'config'].includes(step.op) && !setsLimit(step),
);

const asked = [];
for (let time = 0; time < Number(values.times); time++) for (const scenario of scenarios) vary(scenario, time);
printTrace({ header: { ...header, set: 'varied', seed: Number(values.seed) }, steps: asked });

function vary(scenario, time) {
  const name = `varied/${values.seed}/${time}/${scenario[0].scenario}`;
  const known = new Set();
  const ask = (step) => {
    asked.push({ ...step, seq: asked.length, scenario: name });
    if (step.op === 'open') known.add(step.fd);
    if (step.newfd !== undefined) known.add(step.newfd.name);
  };
  const rarity = random.of([4, 10, 33]);
  const body = scenario.slice(0, -1);
  const end = random.oneIn(2) ? body.length : Math.min(body.length, 4 + random.below(body.length));
  const own = body.filter((step) => step.op === 'ioctl' && !setsLimit(step));
  for (const step of body.slice(0, end)) {
    const touched = step.op === 'ioctl' && random.oneIn(3 * rarity);
    if (touched && random.oneIn(2)) continue;
    if (touched) ask(random.of(own));
    ask(random.oneIn(rarity) ? changed(step) : step);
  }
  const reachable = calls.filter((step) => step.fd === undefined || known.has(step.fd));
  for (let at = 0; at < Number(values.extra) && reachable.length > 0; at++) {
    const step = random.of(own.length > 0 && random.oneIn(3) ? own : reachable);
    if (step.fd === undefined || known.has(step.fd)) ask(random.oneIn(2) ? changed(step) : step);
  }
  ask({ op: 'end' });
}

/** The step with a field or two of its structure changed; a transfer elsewhere, of another length or the other way. */
function changed(step) {
  if (step.op === 'dma') return changedTransfer(step);
  if (step.op !== 'ioctl' || step.arg === undefined || setsLimit(step)) return step;
  const block = Buffer.from(step.in, 'hex');
  for (let left = random.oneIn(3) ? 2 : 1; left > 0; left--) changeField(block, step.nr === TEST_CMD);
  const other = { ...step, in: block.toString('hex') };
  if (setsLimit(other)) return step;
  if (other.bufs !== undefined && random.oneIn(6)) other.bufs = other.bufs.map(changedBuffer);
  return other;
}

/** A 64-bit field or a word; the size in front seldom, the operation of the test ioctl never. */
function changeField(block, isTest) {
  if (block.length < 8) return;
  const words = Math.floor(block.length / 4);
  if (block.length >= 16 && !random.oneIn(2)) {
    const at = 8 * (1 + random.below(Math.floor(block.length / 8) - 1));
    block.writeBigUInt64LE((random.of(quads) + random.of(DISTANCES)) & MASK, at);
    return;
  }
  const at = random.oneIn(16) ? 0 : 1 + random.below(words - 1);
  if (isTest && at === 1) return;
  const { length } = block;
  block.writeUInt32LE(at === 0 ? random.of([length, length - 4, length + 8, 8, 4, 0, 4096]) : random.of(WORDS), 4 * at);
}

function changedBuffer(buffer) {
  const bytes = Buffer.from(buffer.in, 'hex');
  if (bytes.length >= 4) bytes.writeUInt32LE(random.of(WORDS), 4 * random.below(Math.floor(bytes.length / 4)));
  return { ...buffer, in: bytes.toString('hex') };
}

function changedTransfer(step) {
  const iova = (BigInt(step.iova) + random.of(DMA_DISTANCES)) & MASK;
  const room = EDU_BUFFER_BYTES - Number(step.devoff);
  return random.of([
    { ...step, iova: `0x${iova.toString(16)}` },
    { ...step, len: `0x${random.of(DMA_BYTES.filter((bytes) => bytes <= room)).toString(16)}` },
    { ...step, dir: step.dir === 'to-dev' ? 'from-dev' : 'to-dev' },
  ]);
}

function quadsOf(block) {
  const found = [];
  for (let at = 8; at + 8 <= block.length; at += 8) found.push(block.readBigUInt64LE(at));
  return found;
}
