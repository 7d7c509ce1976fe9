import { allRefusalRules, type RefusalRule } from '@ioasis/core';
import { differenceRowsOf } from '@ioasis/compat-vfio';
import { ioctlsByBeginning } from './ioctls-of-codes.js';

/** A refusal code with all that is known of it. */
export interface CatalogueEntry extends RefusalRule {
  readonly code: string;
  /** Room that declares it. */
  readonly room: string;
  /** Where it shows: names of ioctls, or words for what is none. */
  readonly ioctls: readonly string[];
  /** Rows of the difference table in which it shows. */
  readonly rows: readonly string[];
}

/** Every refusal code of the loaded packages, by room in order of declaration: what documentation prints and `explain` looks up. */
export const refusalCatalogue = (): readonly CatalogueEntry[] =>
  allRefusalRules().map(({ room, code, rule }) => ({
    code,
    room,
    ...rule,
    ioctls: ioctlsOf(code),
    rows: differenceRowsOf(code).map(({ id }) => id),
  }));

/** Where a code shows; empty when nothing is known. */
export function ioctlsOf(code: string): readonly string[] {
  const fitting = Object.keys(ioctlsByBeginning).filter((beginning) => code.startsWith(beginning));
  const longest = fitting.toSorted((a, b) => b.length - a.length)[0];
  return longest === undefined ? [] : ioctlsByBeginning[longest]!;
}
