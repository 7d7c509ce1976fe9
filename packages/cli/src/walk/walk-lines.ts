import { hex, type TranslationWalk, type WalkStep } from '@ioasis/core';

const word = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** The fields of an entry that are set, in the datasheet's order. */
const fieldsOf = ({ fields }: WalkStep): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== 0n)
    .map(([name, value]) => `${name}=${value < 10n ? value : hex(value)}`)
    .join(' ') || 'nothing set';

/** Two lines for each entry that a walk read: what, where, value; and its fields. The highest word of a long entry comes first. */
export const walkLines = (walk: TranslationWalk): { readonly entry: string; readonly fields: string }[] =>
  walk.steps.map((step) => ({
    entry: `${step.what.padEnd(16)} at ${hex(step.address).padEnd(13)} ${step.words.toReversed().map(word).join(' ')}`,
    fields: fieldsOf(step),
  }));

/** Where the walk ended. */
export function walkEnd({ pa, pageBytes, readable, writable, fault }: TranslationWalk): string {
  if (pa === undefined)
    return fault === undefined ? 'it leads nowhere' : `it faults: ${fault.name} (0x${fault.code.toString(16)})`;
  const allowed = [readable ? 'read' : '', writable ? 'write' : ''].filter(Boolean).join(' and ');
  return `it leads to physical address ${hex(pa)}, a page of ${Number(pageBytes ?? 0n) / 1024} KiB, ${allowed} allowed`;
}
