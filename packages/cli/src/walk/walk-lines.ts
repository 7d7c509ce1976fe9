import { hex, type TranslationWalk } from '@ioasis/core';
import { entryFields, entryWords } from '@ioasis/testkit';

/** Two lines for each entry that a walk read: what, where, value; and its fields. The highest word of a long entry comes first. */
export const walkLines = (walk: TranslationWalk): { readonly entry: string; readonly fields: string }[] =>
  walk.steps.map((step) => ({
    entry: `${step.what.padEnd(16)} at ${hex(step.address).padEnd(13)} ${entryWords(step)}`,
    fields: entryFields(step),
  }));

/** Where the walk ended. */
export function walkEnd({ pa, pageBytes, readable, writable, fault }: TranslationWalk): string {
  if (pa === undefined)
    return fault === undefined ? 'it leads nowhere' : `it faults: ${fault.name} (0x${fault.code.toString(16)})`;
  const allowed = [readable ? 'read' : '', writable ? 'write' : ''].filter(Boolean).join(' and ');
  return `it leads to physical address ${hex(pa)}, a page of ${Number(pageBytes ?? 0n) / 1024} KiB, ${allowed} allowed`;
}
