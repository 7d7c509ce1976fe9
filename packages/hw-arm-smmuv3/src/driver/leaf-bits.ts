import { Prot } from '@ioasis/core';
import { STAGE1_LEAF, STAGE2_LEAF } from '../layouts/descriptors.js';

/** MAIR indexes that Linux uses: normal non-cacheable, normal write-back, device. */
const ATTRIBUTE = { NON_CACHEABLE: 0, WRITE_BACK: 1, DEVICE: 2 } as const;
/** MemAttr of stage 2: outer and inner non-cacheable, outer and inner write-back, device. */
const MEMORY = { NON_CACHEABLE: 0x5, WRITE_BACK: 0xf, DEVICE: 0x1 } as const;
/** SH: outer shareable, inner shareable. */
const OUTER = 2;
const INNER = 3;
/** XN[1:0] of stage 2, as Linux sets it. */
const NEVER = 3;

const kindOf = (prot: number): keyof typeof ATTRIBUTE =>
  (prot & Prot.MMIO) !== 0 ? 'DEVICE' : (prot & Prot.CACHE) !== 0 ? 'WRITE_BACK' : 'NON_CACHEABLE';

/** Bits of a stage 1 leaf; undefined without rights. There is no "no read": a write-only mapping can be read. */
export function stage1LeafBits(prot: number, isTracked: boolean): bigint | undefined {
  if ((prot & (Prot.READ | Prot.WRITE)) === 0) return undefined;
  const isWritable = (prot & Prot.WRITE) !== 0;
  const isNoExec = (prot & Prot.NOEXEC) !== 0;
  const kind = kindOf(prot);
  return STAGE1_LEAF.encode({
    VALID: 1,
    NG: 1,
    AF: 1,
    SH: kind === 'WRITE_BACK' ? INNER : OUTER,
    AP1: (prot & Prot.PRIV) === 0,
    AP2: !isWritable,
    DBM: isWritable && isTracked,
    ATTR: ATTRIBUTE[kind],
    UXN: isNoExec,
    PXN: isNoExec,
  });
}

/** Bits of a stage 2 leaf; undefined without rights. Rights are separate here, and privilege means nothing. */
export function stage2LeafBits(prot: number): bigint | undefined {
  if ((prot & (Prot.READ | Prot.WRITE)) === 0) return undefined;
  const kind = kindOf(prot);
  return STAGE2_LEAF.encode({
    VALID: 1,
    AF: 1,
    SH: kind === 'WRITE_BACK' ? INNER : OUTER,
    S2AP0: (prot & Prot.READ) !== 0,
    S2AP1: (prot & Prot.WRITE) !== 0,
    MEMATTR: MEMORY[kind],
    XN: (prot & Prot.NOEXEC) !== 0 ? NEVER : 0,
  });
}
