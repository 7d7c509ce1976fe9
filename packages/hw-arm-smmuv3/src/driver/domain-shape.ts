import { bitsPerLevel, type GranuleShift } from '../format/granule.js';
import { IDR5, OUTPUT_SIZE_BITS } from '../layouts/registers.js';

/** Shape of a domain's tables: what granule, unit and kernel decide. */
export interface DomainShape {
  readonly stage: 1 | 2;
  readonly granule: GranuleShift;
  /** Bits of an input address: 48 in stage 1 on Linux, in stage 2 as many as an output address. */
  readonly inputBits: number;
  /** Bits of an output address. */
  readonly outputBits: number;
  /** Levels in use; stage 2 leaves out the highest where up to 16 tables of the next can stand in for it. */
  readonly levels: number;
}

/** Input bits of stage 1 (VA_BITS of the kernel). */
const STAGE1_BITS = 48;
const MOST_LEVELS = 4;
const CONCATENATED_BITS = 4;

/**
 * The shape of a kernel's tables on a unit.
 * @param pageSize bytes, PAGE_SIZE of the kernel: its tables use that granule
 * @throws RangeError when the unit has no tables of the kernel's pages
 */
export function shapeOf(stage: 1 | 2, pageSize: number, idr5: bigint): DomainShape {
  const granule = Math.log2(pageSize) as GranuleShift;
  const granules = { 12: 'GRAN4K', 14: 'GRAN16K', 16: 'GRAN64K' } as const;
  if (IDR5.get(idr5, granules[granule]) === 0n) {
    throw new RangeError(
      `armSmmuv3: the unit has no tables with pages of ${pageSize} bytes (IDR5.${granules[granule]})`,
    );
  }
  // Descriptors hold 48 bits, with 64K pages 52.
  const outputBits = Math.min(OUTPUT_SIZE_BITS[Number(IDR5.get(idr5, 'OAS'))]!, granule === 16 ? 52 : 48);
  const inputBits = stage === 1 ? STAGE1_BITS : outputBits;
  const bits = bitsPerLevel(granule);
  const levels = Math.ceil((inputBits - granule) / bits);
  // Linux concatenates only in place of level 0.
  const topBits = inputBits - granule - (levels - 1) * bits;
  const concatenates = stage === 2 && levels === MOST_LEVELS && topBits <= CONCATENATED_BITS;
  return { stage, granule, inputBits, outputBits, levels: concatenates ? levels - 1 : levels };
}
