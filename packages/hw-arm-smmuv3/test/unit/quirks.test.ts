import { readFileSync } from 'node:fs';
import { PhysicalMemory } from '@ioasis/core';
import { readScenarios, runScenario } from '@ioasis/testkit';
import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { SmmuV3Unit } from '../../src/index.js';
import { recordedOutcome } from './recorded-outcome.js';

/*
 * The recorded scenarios in which QEMU 7.2 departs from the architecture, or where it is not clear. What the unit answers here is what the
 * architecture says; docs/smmuv3-deviations.md has the verdict for each. Answers from the first access on, equal neighbours counted.
 */

const windows = [
  { start: 0x4000_0000n, last: 0x2_3fff_ffffn },
  { start: 0x808_0000n, last: 0x809_ffffn },
];

const path = new URL('../../../../fixtures/scenarios/smmuv3.jsonl.gz', import.meta.url);
const read = readScenarios('smmuv3', readFileSync(path));
if (isLeft(read)) throw new Error(read.left.reason);
const quirks = read.right.scenarios.filter((scenario) => scenario.class === 'quirk');

const ILLEGAL = ['0x1000006', '0x1'];

const answers: Readonly<Record<string, readonly string[]>> = {
  'quirk-af_zero': ['F_ACCESS x2'],
  'quirk-ap1_zero': ['F_PERMISSION x2'],
  // The last address has 44 bits, as many as the unit.
  'quirk-output_above_oas': ['F_ADDR_SIZE x3', '0xfffffff0000'],
  'quirk-output_above_ips': ['F_ADDR_SIZE'],
  'quirk-table_above_oas': ['F_ADDR_SIZE'],
  'quirk-ttb_above_ips': ['C_BAD_CD x2'],
  'quirk-aptable_read_only': ['F_PERMISSION', '0x102986000', 'F_PERMISSION x2', '0x102986000'],
  'quirk-aptable_no_el0': ['F_PERMISSION'],
  'quirk-block_at_illegal_level': ['F_TRANSLATION x3'],
  'quirk-l1std_span': ['0x102986000 x7', 'C_BAD_STREAMID x8'],
  'quirk-eventq_overflow': [
    ...['0x1', '0x2', '0x3', '0x4'].flatMap((prod) => ['F_TRANSLATION', prod, '0x0']),
    ...Array.from({ length: 2 }, () => ['fault', '0x80000004', '0x0']).flat(),
    'F_TRANSLATION',
    '0x80000005',
    '0x0',
  ],
  'quirk-strtab_fmt_back_to_linear': ['0x102986000', 'bypass 0x80000000'],
  'quirk-s1cdmax_nonzero': ['0x102986000 x4'],
  'quirk-s1stalld': ['C_BAD_STE'],
  'quirk-ttb1': ['0x22eda8000', 'F_TRANSLATION', 'no-translation', 'F_TRANSLATION x4'],
  'quirk-tbi0': ['0x102986000', 'no-translation x2'],
  'quirk-ips_reserved': ['0x102986000 x3'],
  'quirk-long_failing_access': ['F_TRANSLATION x9'],
  'quirk-global_entries': ['0x102986000 x3'],
  'quirk-unsupported_commands': Array.from({ length: 15 }, () => ILLEGAL).flat(),
  'quirk-gbpa': ['0x100000', 'abort'],
  'quirk-strtab_base_write_while_enabled': ['0x102986000 x2', 'bypass 0x80000000'],
  'quirk-mmio_64bit_reads': ['0x27300100d40101a', '0x7400000000', '0x0 x4'],
  'quirk-cd_fetch_field': ['F_CD_FETCH at 0x300001040'],
  // Bit 52 joins sixteen pages: the sixth access is inside what the fifth brought.
  'quirk-hint_bits': ['0x102986000', '0x1cd9d9000', '0x22be96000', '0x81140000', '0xf5205000 x2'],
  'quirk-g64_low_bits': ['0x21ac20000'],
  'quirk-caches_survive_disable': ['0x102986000 x2', 'abort'],
  'quirk-ttl_mismatch': ['0x102986000 x2'],
  'quirk-iotlb_capacity': ['0x81140000', '0xdff77000', '0x81140000'],
  'quirk-ttb_low_bits': ['0x102986000'],
};

interface RecordedAnswer {
  readonly value?: string;
  readonly status?: string;
  readonly how?: string;
  readonly pa?: string;
  readonly events?: readonly { readonly name: string; readonly fetch?: string }[];
}

function wordOf({ value, how, pa, events = [] }: RecordedAnswer): string {
  if (value !== undefined) return value;
  const [event] = events;
  if (event !== undefined) return event.fetch === undefined ? event.name : `${event.name} at ${event.fetch}`;
  if (how === 'ok') return pa ?? 'ok';
  return pa === undefined ? how! : `${how} ${pa}`;
}

/** `a`, `a`, `b` becomes `a x2`, `b`; register values that are read in turn stay as they are. */
function counted(words: readonly string[]): string[] {
  const runs: [word: string, count: number][] = [];
  for (const word of words) {
    if (runs.at(-1)?.[0] === word) runs.at(-1)![1]++;
    else runs.push([word, 1]);
  }
  return runs.map(([word, count]) => (count === 1 ? word : `${word} x${count}`));
}

describe('where QEMU 7.2 departs from the architecture', () => {
  it.each(quirks.map((scenario) => [scenario.id, scenario] as const))('%s', (id, scenario) => {
    const memory = new PhysicalMemory({ windows, arena: { start: 0x4000_0000n, last: 0x40ff_ffffn } });
    const unit = new SmmuV3Unit({ memory, options: { preset: 'qemu-virt-7.2' } });
    const run = runScenario(scenario, { unit, memory, how: recordedOutcome(unit) });
    const given = run.answers.filter((answer) => answer !== undefined) as readonly RecordedAnswer[];
    const words = given.map(wordOf);
    // CR0ACK is read when the unit has started.
    const started = words.findIndex((word) => word === '0xd' || word === '0xc');
    const heard = counted(words.slice(started + 1));
    expect(id === 'quirk-iotlb_capacity' ? heard.slice(-3) : heard).toEqual(answers[id]);
  });

  it('has a verdict for every one of them in the table', () => {
    const docs = readFileSync(new URL('../../../../docs/smmuv3-deviations.md', import.meta.url), 'utf8');
    const rows = [...docs.matchAll(/^\| `(quirk-[\w]+)` \|.*\| (confirmed|rejected|open)\b/gm)].map(([, id]) => id);
    expect(rows.toSorted()).toEqual(quirks.map(({ id }) => id).toSorted());
    expect(rows.toSorted()).toEqual(Object.keys(answers).toSorted());
  });
});
