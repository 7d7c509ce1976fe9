import * as t from 'io-ts';
import { HexBytes, Integer, Quantity } from '../jsonl/index.js';

/*
 * `iommu-scenario/1`: memory, registers and DMA of one bare unit, and what was observed. As with traces the parsed objects are kept as
 * they are, so that what is not understood here survives into an emitted file.
 */

/** Units that the format knows. */
export type UnitName = 'vtd' | 'amdvi' | 'smmuv3';

/** How much of a scenario may be compared: see {@link comparisonOf}. */
export type ScenarioClass = 'settled' | 'cached' | 'quirk';

/** One step of a scenario. Offsets are relative to the unit's base; `rid` is the StreamID for an SMMU. */
export type ScenarioStep =
  | { readonly op: 'mem'; readonly addr: Quantity; readonly hex: string }
  | {
      readonly op: 'fill';
      readonly addr: Quantity;
      readonly len: Quantity;
      readonly byte?: Quantity;
      readonly pattern?: 'hash64';
    }
  | { readonly op: 'mem-read'; readonly addr: Quantity; readonly len: Quantity }
  | { readonly op: 'mmio-write'; readonly off: Quantity; readonly size: 4 | 8; readonly value: Quantity }
  | { readonly op: 'mmio-read'; readonly off: Quantity; readonly size: 4 | 8 }
  | {
      readonly op: 'dma';
      readonly rid: Quantity;
      readonly iova: Quantity;
      readonly len: Quantity;
      readonly dir: 'read' | 'write';
      readonly data?: string;
    }
  | { readonly op: 'note' };

/** The `dma` step. */
export type DmaStep = Extract<ScenarioStep, { readonly op: 'dma' }>;

/** How far an entry of `expect` may be compared. */
export type CompareRule = 'strict' | 'cached' | 'blocked' | 'skip';

/** Outcome fields as they stand in a file: numbers, hexadecimal strings, lists and objects of them. */
export type Answer = Readonly<Record<string, unknown>>;

/** One observed result. Everything besides these three fields is an {@link Answer}. */
export type Expectation = Answer & {
  /** Index into the steps. */
  readonly step: number;
  readonly compare: CompareRule;
  /** SMMUv3: what the tables alone would have given where a cache answered. */
  readonly fresh?: Answer;
};

/** One scenario: a unit from reset, memory of zeroes, and what happens. */
export interface Scenario {
  readonly id: string;
  readonly unit: UnitName;
  readonly class: ScenarioClass;
  readonly config: Readonly<Record<string, unknown>>;
  readonly steps: readonly ScenarioStep[];
  readonly expect: readonly Expectation[];
  /** Registers at the end, by name. */
  readonly final?: Answer;
  /** For a quirk: what the architecture says instead. */
  readonly spec?: unknown;
}

/** Line 1 of a file. */
export interface ScenarioHeader {
  readonly header: 1;
  readonly format: 'iommu-scenario/1';
  readonly unit: UnitName;
}

const unit = t.keyof({ vtd: null, amdvi: null, smmuv3: null });

/** Checks a {@link ScenarioHeader}. */
export const ScenarioHeader: t.Type<ScenarioHeader> = t.type({
  header: t.literal(1),
  format: t.literal('iommu-scenario/1'),
  unit,
});

const range = { addr: Quantity, len: Quantity };
const size = t.union([t.literal(4), t.literal(8)], '4 or 8');
const steps: Readonly<Record<ScenarioStep['op'], t.Mixed>> = {
  mem: t.type({ addr: Quantity, hex: HexBytes }),
  fill: t.intersection([
    t.type(range),
    t.union([t.type({ byte: Quantity }), t.type({ pattern: t.literal('hash64') })], '"byte" or "pattern":"hash64"'),
  ]),
  'mem-read': t.type(range),
  'mmio-write': t.type({ off: Quantity, size, value: Quantity }),
  'mmio-read': t.type({ off: Quantity, size }),
  dma: t.intersection([
    t.type({ rid: Quantity, iova: Quantity, len: Quantity, dir: t.keyof({ read: null, write: null }) }),
    t.partial({ data: HexBytes }),
  ]),
  note: t.type({}),
};

const isObject = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The codec of one step, told by its `op`; undefined when there is none. */
export const stepCodec = (step: unknown): t.Mixed | undefined => {
  const op = isObject(step) ? step['op'] : undefined;
  return typeof op === 'string' && Object.hasOwn(steps, op) ? steps[op as ScenarioStep['op']] : undefined;
};

/** Names of all kinds of step. */
export const scenarioOps: readonly string[] = Object.keys(steps);

/** Checks everything of a scenario but its steps, which {@link stepCodec} checks one by one. */
export const ScenarioLine: t.Type<Scenario> = t.intersection([
  t.type({
    id: t.string,
    unit,
    class: t.keyof({ settled: null, cached: null, quirk: null }),
    config: t.UnknownRecord,
    steps: t.UnknownArray,
    expect: t.array(
      t.intersection([
        t.type({ step: Integer, compare: t.keyof({ strict: null, cached: null, blocked: null, skip: null }) }),
        t.partial({ fresh: t.UnknownRecord }),
      ]),
    ),
  }),
  t.partial({ final: t.UnknownRecord }),
]) as unknown as t.Type<Scenario>;
