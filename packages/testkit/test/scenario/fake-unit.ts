import {
  Access,
  iova as asIova,
  PhysicalMemory,
  Translation,
  UnitCounters,
  type HardwareFault,
  type TranslationUnit,
} from '@ioasis/core';
import { readScenarios, type Scenario, type ScenarioUnit } from '../../src/index.js';

/** What a fake unit does with one access: the physical address, or what is wrong. */
export type Answering = (address: bigint, access: number) => bigint | Partial<HardwareFault>;

/** A unit with plain registers whose translations a test dictates. */
export class FakeUnit implements TranslationUnit {
  readonly mmioBytes = 0x2_0000;
  readonly translation: Translation = new Translation();
  readonly counters: UnitCounters = new UnitCounters();
  readonly registers = new Map<number, number>();
  readonly #answering: Answering;

  constructor(answering: Answering) {
    this.#answering = answering;
  }

  read32(offset: number): number {
    return this.registers.get(offset) ?? 0;
  }

  write32(offset: number, value: number): void {
    this.registers.set(offset, value);
  }

  write64(offset: number, hi: number, lo: number): void {
    this.registers.set(offset, lo);
    this.registers.set(offset + 4, hi);
  }

  translate(requesterId: number, _pasid: number, iovaHi: number, iovaLo: number, access: number): boolean {
    const address = (BigInt(iovaHi >>> 0) << 32n) | BigInt(iovaLo >>> 0);
    const answer = this.#answering(address, access);
    if (typeof answer === 'bigint') {
      this.translation.paHi = Number(answer >> 32n);
      this.translation.paLo = Number(answer & 0xffff_ffffn) | 0;
      return true;
    }
    this.translation.fault = {
      vendor: 'fake',
      code: 0,
      name: 'FAKE',
      requesterId,
      pasid: undefined,
      iova: asIova(address),
      access: (access & Access.WRITE) === 0 ? 'read' : 'write',
      recorded: 'recorded',
      record: [],
      details: {},
      ...answer,
    };
    return false;
  }

  explain(): never {
    throw new Error('not asked here');
  }

  step(): number {
    return 0;
  }

  reset(): void {
    this.registers.clear();
  }
}

const RAM = { start: 0n, last: 0xffffn };

/** A scenario's unit from a {@link FakeUnit}. */
export const fakeScenarioUnit = (unit: FakeUnit, how?: ScenarioUnit['how']): ScenarioUnit => ({
  unit,
  memory: new PhysicalMemory({ windows: [RAM], arena: RAM }),
  ...(how !== undefined && { how }),
});

/** Text of a file with these scenarios. */
export const scenarioText = (unit: string, ...scenarios: readonly object[]): string =>
  [{ header: 1, format: 'iommu-scenario/1', unit, source: 'test' }, ...scenarios]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');

/** Fields of a scenario that tests vary. */
export interface ScenarioFields {
  readonly unit?: Scenario['unit'];
  readonly class?: Scenario['class'];
  readonly steps: readonly object[];
  readonly expect?: readonly object[];
  readonly final?: object;
}

/** A scenario, read back from its text. */
export function scenarioOf({ unit = 'vtd', ...fields }: ScenarioFields): Scenario {
  const line = { id: 'test', unit, class: 'settled', config: {}, expect: [], ...fields };
  const read = readScenarios('test.jsonl', new TextEncoder().encode(scenarioText(unit, line)));
  if (read._tag === 'Left') throw new Error(`line ${read.left.line}: ${read.left.reason}`);
  return read.right.scenarios[0] as Scenario;
}
