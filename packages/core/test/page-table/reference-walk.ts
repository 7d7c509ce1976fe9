import { Access, type FormatLevel, type PageTableFormat, type PhysicalMemory } from '../../src/index.js';

/** A walk as the data sheets describe it, on bigints, sharing nothing with the engine but the format. */
export interface ReferenceWalk {
  readonly pa: bigint;
  readonly pageShift: number;
  readonly reads: number;
}

export interface ReferenceRoot {
  readonly address: bigint;
  readonly levels: number;
  readonly inputBits: number;
  readonly outputBits?: number;
}

const read64 = (memory: PhysicalMemory, address: bigint): bigint | undefined => {
  const bytes = new Uint8Array(8);
  return memory.read(address, bytes) ? new DataView(bytes.buffer).getBigUint64(0, true) : undefined;
};

const field = (word: bigint, [hi, lo]: readonly [number, number]): bigint =>
  (word >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n);

const addressOf = (format: PageTableFormat, entry: bigint): bigint =>
  format.address.reduce((sum, { bits, address }) => sum | (field(entry, bits) << BigInt(address)), 0n);

const is = (entry: bigint, kind: { mask: bigint; value: bigint } | null | undefined): boolean =>
  kind !== null && kind !== undefined && (entry & kind.mask) === kind.value;

/** The page, or the word for why there is none. A walker that neither sets nor looks at accessed and dirty bits. */
export function referenceWalk(
  format: PageTableFormat,
  memory: PhysicalMemory,
  root: ReferenceRoot,
  iova: bigint,
  access: number,
): ReferenceWalk | string {
  if (iova >> BigInt(root.inputBits) !== 0n) return 'input';
  const { permissions } = format;
  const rights = neededRights(format, access);
  const outputLimit = 1n << BigInt(root.outputBits ?? 64);
  let allowed = (1n << 64n) - 1n;
  let table = root.address;
  let index = root.levels - 1;
  let reads = 0;
  for (;;) {
    const level = format.levels[index] as FormatLevel;
    const isRoot = index === root.levels - 1;
    const width = isRoot ? root.inputBits - level.shift : level.indexBits;
    const at = (iova >> BigInt(level.shift)) & ((1n << BigInt(width)) - 1n);
    const entry = read64(memory, table + at * 8n);
    reads++;
    if (entry === undefined) return 'abort';
    if ((entry & format.present) === 0n) return 'not present';
    const below = levelBelow(format, index, entry);
    if (below !== undefined) {
      if ((entry & (level.table?.reserved ?? 0n)) !== 0n) return 'reserved';
      if (addressOf(format, entry) >= outputLimit) return 'output';
      for (let skipped = below + 1; skipped < index; skipped++) {
        const gone = format.levels[skipped] as FormatLevel;
        if (((iova >> BigInt(gone.shift)) & ((1n << BigInt(gone.indexBits)) - 1n)) !== 0n) return 'skipped';
      }
      allowed &= (entry ^ permissions.forbidding) | ~permissions.tableBits;
      if (permissions.checked === 'each-level' && (allowed & rights) !== rights) return 'permission';
      table = addressOf(format, entry);
      index = below;
      continue;
    }
    const coded = level.sizeInAddress;
    let shift = level.shift;
    let step = shift;
    if (is(entry, coded) && coded !== undefined) {
      shift = 13;
      for (const word = addressOf(format, entry) | 0xfffn; ((word >> BigInt(shift - 1)) & 1n) === 1n;) shift++;
      if (shift < coded.minShift || shift > coded.maxShift) return 'encoding';
      if ((entry & coded.reserved) !== 0n) return 'reserved';
      step = shift;
    } else if (level.leaf !== null && is(entry, level.leaf)) {
      if ((entry & level.leaf.reserved) !== 0n) return 'reserved';
      if (level.contiguous !== undefined && (entry & level.contiguous.bit) !== 0n)
        shift += level.contiguous.entriesLog2;
    } else return 'encoding';
    if (addressOf(format, entry) >= outputLimit) return 'output';
    allowed &= (entry ^ permissions.forbidding) | ~permissions.leafBits;
    if ((allowed & rights) !== rights) return 'permission';
    const inside = (1n << BigInt(step)) - 1n;
    return { pa: (addressOf(format, entry) & ~inside) | (iova & inside), pageShift: shift, reads };
  }
}

function levelBelow(format: PageTableFormat, index: number, entry: bigint): number | undefined {
  if (index === 0) return undefined;
  if (is(entry, format.levels[index]?.table)) return index - 1;
  if (format.nextLevel === undefined) return undefined;
  const named = Number(field(entry, format.nextLevel));
  const below = format.levels.findIndex(({ number }) => number === named);
  return below >= 0 && below < index ? below : undefined;
}

function neededRights({ permissions }: PageTableFormat, access: number): bigint {
  const isPrivileged = (access & Access.PRIVILEGED) !== 0;
  const execute = isPrivileged ? (permissions.privilegedExecute ?? permissions.execute) : permissions.execute;
  return (
    (isPrivileged ? 0n : permissions.unprivileged) |
    ((access & Access.READ) !== 0 ? permissions.read : 0n) |
    ((access & Access.WRITE) !== 0 ? permissions.write : 0n) |
    ((access & Access.EXECUTE) !== 0 ? execute : 0n)
  );
}
