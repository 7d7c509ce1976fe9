import { expect, it } from 'vitest';
import type { TranslationWalk } from '@ioasis/core';
import { walkEnd, walkLines } from '../../src/walk/walk-lines.js';

const walk: TranslationWalk = {
  steps: [
    { what: 'context entry', address: 0x1000n, words: [0x2001n, 0x301n], fields: { P: 1n, TT: 0n, AW: 1n, DID: 10n } },
    { what: 'SS-PTE', address: 0x2008n, words: [0n], fields: { R: 0n } },
  ],
  pa: 0x5010n,
  pageBytes: 0x1000n,
  readable: true,
  writable: false,
  fault: undefined,
};

it('shows each entry with its words, the highest first, and the fields that are set', () => {
  expect(walkLines(walk)).toEqual([
    { entry: 'context entry    at 0x1000        0x0000000000000301 0x0000000000002001', fields: 'P=1 AW=1 DID=0xa' },
    { entry: 'SS-PTE           at 0x2008        0x0000000000000000', fields: 'nothing set' },
  ]);
});

it('says where it ended', () => {
  expect(walkEnd(walk)).toBe('it leads to physical address 0x5010, a page of 4 KiB, read allowed');
  expect(walkEnd({ ...walk, pa: undefined, fault: { code: 6, name: 'READ_DENIED' } })).toBe(
    'it faults: READ_DENIED (0x6)',
  );
});
