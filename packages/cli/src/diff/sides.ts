import { isLeft, left, right, type Either } from 'fp-ts/lib/Either.js';
import type { DiffSide, TraceHeader } from '@ioasis/testkit';
import { unknownName } from '../nearest.js';
import { kernelNames, machineNames, personalities, replayMachine, type Personality } from '../replay/machines.js';

/** What the two machines are; of a pair the left and the right, one value for both, absent: the recording's. */
export interface SideChoice {
  readonly machine?: readonly string[];
  readonly personality?: readonly string[];
  readonly kernel?: readonly string[];
}

/** Respects in which sides may differ, with the names that each takes. */
const RESPECTS: readonly (readonly [respect: keyof SideChoice, names: readonly string[]])[] = [
  ['machine', machineNames],
  ['personality', personalities],
  ['kernel', kernelNames],
];

/** The name of a side is what it differs in. */
const titleOf = (choice: SideChoice, at: 0 | 1): string =>
  RESPECTS.map(([respect]) => choice[respect])
    .filter((pair) => pair !== undefined && new Set(pair).size > 1)
    .map((pair) => pair?.[at])
    .join(' ') || (at === 0 ? 'left' : 'right');

const valueOf = (pair: readonly string[] | undefined, at: 0 | 1): string | undefined => pair?.[at] ?? pair?.[0];

/**
 * The two sides of a comparison on what a trace was recorded with.
 * @returns Left with what is wrong, and the way out
 */
export function sidesOf(
  header: TraceHeader,
  choice: SideChoice,
): Either<readonly [reason: string, wayOut: string], readonly [DiffSide, DiffSide]> {
  for (const [respect, names] of RESPECTS) {
    const pair = choice[respect] ?? [];
    if (pair.length > 2)
      return left([`--${respect} takes one or two names, not ${pair.length}`, 'separate two with a comma']);
    const unknown = pair.find((name) => !names.includes(name));
    if (unknown !== undefined) return left(unknownName(respect, unknown, names));
  }
  const sides: DiffSide[] = [];
  for (const at of [0, 1] as const) {
    const [machine, personality, kernel] = [choice.machine, choice.personality, choice.kernel].map((pair) =>
      valueOf(pair, at),
    );
    const made = replayMachine(header, {
      // The program of the recording looks for its own devices, whichever IOMMU they are behind.
      devices: header.machine,
      ...(machine === undefined ? {} : { machine }),
      ...(personality === undefined ? {} : { personality: personality as Personality }),
      ...(kernel === undefined ? {} : { kernel }),
    });
    if (isLeft(made)) return left([made.left, '']);
    sides.push({ ...made.right, name: titleOf(choice, at) });
  }
  const [one, other] = sides;
  return right([one!, other!]);
}
