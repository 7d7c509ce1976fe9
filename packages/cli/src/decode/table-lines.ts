import { CONTEXT_ENTRY, ROOT_ENTRY, SS_LEAF_ENTRY } from '@ioasis/hw-intel-vtd';
import type { WordLayout } from '@ioasis/core';
import type { Decoded } from './decoded.js';
import { decodeWord } from './words.js';

const PTE = /\bpte level: (\d+), pte value: 0x([0-9a-f]+)/;
const ROOT = /\broot entry: 0x([0-9a-f]+)/;
const CONTEXT = /\bcontext entry: hi 0x([0-9a-f]+), low 0x([0-9a-f]+)/;
const MISSING = /page table not present at level (\d+)/;

const asEntry = (layout: WordLayout<string>, word: bigint, line: number, what: string): Decoded => ({
  ...decodeWord(layout, word),
  line,
  what,
});

/** Reads a line of the table dump that Linux prints after a VT-d fault when DMAR_DEBUG is on. @returns undefined: not such a line */
export function parseTableLine(text: string, line: number): Decoded | undefined {
  const pte = PTE.exec(text);
  if (pte !== null)
    return asEntry(SS_LEAF_ENTRY, BigInt(`0x${pte[2]}`), line, `${SS_LEAF_ENTRY.name}, level ${pte[1]}`);
  const root = ROOT.exec(text);
  if (root !== null) return asEntry(ROOT_ENTRY, BigInt(`0x${root[1]}`), line, ROOT_ENTRY.name);
  const context = CONTEXT.exec(text);
  if (context !== null) {
    return asEntry(
      CONTEXT_ENTRY,
      (BigInt(`0x${context[1]}`) << 64n) | BigInt(`0x${context[2]}`),
      line,
      CONTEXT_ENTRY.name,
    );
  }
  const missing = MISSING.exec(text);
  if (missing === null) return undefined;
  return { line, what: 'the dump ends', why: `no table at level ${missing[1]}: the entry above is not present` };
}
