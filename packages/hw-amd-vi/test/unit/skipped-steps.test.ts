import { readFileSync } from 'node:fs';
import { hi32, join64, lo32, PhysicalMemory } from '@ioasis/core';
import { isLeft } from 'fp-ts/lib/Either.js';
import { readScenarios, runScenario, type Scenario } from '@ioasis/testkit';
import { describe, expect, it } from 'vitest';
import { AmdViUnit } from '../../src/index.js';
import { bookWalk } from './book-walk.js';

const windows = [
  { start: 0n, last: 0x7fff_ffffn },
  { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn },
];
const file = (path: string): Buffer => readFileSync(new URL(`../../../../${path}`, import.meta.url));
const read = readScenarios('amdvi', file('fixtures/scenarios/amdvi.jsonl.gz'));
if (isLeft(read)) throw new Error(read.left.reason);

/** One skipped step: what QEMU answered, what the architecture says, and why. */
interface SkippedStep {
  readonly at: string;
  /** `same`, or what QEMU lets pass. */
  readonly cause: string;
}

/** Runs a scenario with caches off, and judges its skipped steps by the book. */
function judge(scenario: Scenario): SkippedStep[] {
  const memory = new PhysicalMemory({ windows, arena: { start: 0n, last: 0x7f_ffffn } });
  const unit = new AmdViUnit({ memory, options: { preset: 'qemu-q35-7.2', caches: false } });
  const word = (at: bigint): bigint => {
    memory.load64(hi32(at), lo32(at));
    return join64(memory.loadedHi, memory.loadedLo);
  };
  // By DMA, in order: what the book says about each 4 KiB piece at that moment.
  const verdicts: (string | bigint)[] = [];
  const { translate } = unit;
  unit.translate = (rid, pasid, hi, lo, access) => {
    const { pa, refusal } = bookWalk(word, word(0x10_0000n + 32n * BigInt(rid)), join64(hi, lo), (access & 2) !== 0);
    verdicts.push(refusal ?? pa!);
    return translate.call(unit, rid, pasid, hi, lo, access);
  };
  let stop = '';
  unit.observer = {
    filled: () => undefined,
    invalidated: () => undefined,
    faulted: () => undefined,
    executing: (command, words) => {
      stop = command.startsWith('reserved')
        ? command
        : command + (((words[0] ?? 0) & ~0xf_ffff) === 0 ? '' : ', reserved bit');
    },
  };
  const run = runScenario(scenario, { unit, memory });
  const steps: SkippedStep[] = [];
  for (const { step, compare, ...qemu } of scenario.expect) {
    const ours = run.answers[step] ?? {};
    const at = `${scenario.id}:${step}`;
    const isDma = scenario.steps[step]?.op === 'dma';
    const theirs = isDma ? qemu['segments'] : (qemu['value'] ?? qemu['hex']);
    const mine = isDma ? ours['segments'] : (ours['value'] ?? ours['hex']);
    const isSame = JSON.stringify(theirs) === JSON.stringify(mine);
    const pieces = isDma ? verdicts.splice(0, (mine as readonly unknown[]).length) : [];
    if (isDma) {
      // Skipped or not, with caches off every piece goes where the book says.
      const pas = (mine as readonly { pa: string | null }[]).map(({ pa }) => (pa === null ? undefined : BigInt(pa)));
      expect(pas, at).toEqual(pieces.map((verdict) => (typeof verdict === 'bigint' ? verdict : undefined)));
    }
    if (compare !== 'skip') continue;
    const refusal = pieces.find((verdict) => typeof verdict === 'string');
    steps.push({ at, cause: isSame ? 'same' : isDma ? String(refusal) : stop });
  }
  return steps;
}

describe('steps that the recordings mark as skip', () => {
  const byCause = new Map<string, string[]>();
  for (const scenario of read.right.scenarios) {
    for (const { at, cause } of judge(scenario)) byCause.set(cause, [...(byCause.get(cause) ?? []), at]);
  }

  it('have the answer of the architecture, and the document lists each', () => {
    const document = file('docs/amdvi-deviations.md').toString();
    const rows = [...byCause]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([cause, steps]) => {
        // Equal answers are only counted; the rest is named, step by step, with its scenario once.
        const named = new Map<string, string[]>();
        for (const [id = '', step = ''] of steps.map((at) => at.split(':'))) {
          named.set(id, [...(named.get(id) ?? []), step]);
        }
        const list = [...named].map(([id, of]) => `${id}: ${of.join(' ')}`);
        return `| ${cause} | ${steps.length} | ${cause === 'same' ? `${named.size} scenarios` : list.join('; ')} |`;
      });
    expect(document).toContain(rows.join('\n'));
  });

  it('differ from QEMU for known reasons alone', () => {
    const known =
      /^(same|translation invalid|beyond Mode|entry not present|skipped address bits|reserved opcode|.*, reserved bit$)/;
    expect([...byCause.keys()].filter((cause) => !known.test(cause))).toEqual([]);
  });
});
