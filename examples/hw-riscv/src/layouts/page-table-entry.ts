import { wordLayout, type WordLayout } from '@ioasis/core';

/** Entry of Sv39, Sv48 and Sv57 tables (RISC-V Privileged Architecture, Supervisor-Level ISA, "Sv39"). */
export const PTE: WordLayout<'V' | 'R' | 'W' | 'X' | 'U' | 'G' | 'A' | 'D' | 'RSW' | 'PPN' | 'PBMT' | 'N'> = wordLayout(
  'PTE',
  64,
  {
    V: [0, 0],
    R: [1, 1],
    W: [2, 2],
    X: [3, 3],
    U: [4, 4],
    G: [5, 5],
    A: [6, 6],
    D: [7, 7],
    RSW: [9, 8],
    PPN: [53, 10],
    PBMT: [62, 61],
    N: [63, 63],
  },
);
