import { wordLayout, type WordLayout } from '@ioasis/core';

/** I/O page directory entry of the host tables, Next Level 1 to 6 (48882 2.2.3, Table 14). */
export const HOST_PDE: WordLayout<'IW' | 'IR' | 'ADDRESS' | 'NEXT_LEVEL' | 'A' | 'PR'> = wordLayout('host PDE', 64, {
  IW: [62, 62],
  IR: [61, 61],
  ADDRESS: [51, 12],
  NEXT_LEVEL: [11, 9],
  A: [5, 5],
  PR: [0, 0],
});

/** I/O page translation entry of the host tables, Next Level 0 or 7 (48882 2.2.3, Table 15). */
export const HOST_PTE: WordLayout<'IW' | 'IR' | 'FC' | 'U' | 'ADDRESS' | 'NEXT_LEVEL' | 'D' | 'A' | 'PR'> = wordLayout(
  'host PTE',
  64,
  {
    IW: [62, 62],
    IR: [61, 61],
    FC: [60, 60],
    U: [59, 59],
    ADDRESS: [51, 12],
    NEXT_LEVEL: [11, 9],
    D: [6, 6],
    A: [5, 5],
    PR: [0, 0],
  },
);

/** Values of NEXT_LEVEL that make an entry a page. */
export const PageNextLevel = { DEFAULT_SIZE: 0, SIZE_IN_ADDRESS: 7 } as const;

/** Fields of {@link GUEST_PTE}. */
export type GuestPteField = 'NX' | 'ADDRESS' | 'G' | 'PS' | 'D' | 'A' | 'PCD' | 'PWT' | 'US' | 'RW' | 'P';
/** Entry of the guest (v2) tables: x86-64 (48882 2.2.6; AMD64 volume 2, 5.3). */
export const GUEST_PTE: WordLayout<GuestPteField> = wordLayout('guest PTE', 64, {
  NX: [63, 63],
  ADDRESS: [51, 12],
  G: [8, 8],
  PS: [7, 7],
  D: [6, 6],
  A: [5, 5],
  PCD: [4, 4],
  PWT: [3, 3],
  US: [2, 2],
  RW: [1, 1],
  P: [0, 0],
});
