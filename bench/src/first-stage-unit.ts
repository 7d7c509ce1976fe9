import { frameOf, hi32, lo32, RadixTable, write64, type FrameAllocator, type PhysicalMemory } from '@ioasis/core';
import {
  GCMD_REG,
  PASID_DIRECTORY_ENTRY,
  PASID_ENTRY,
  PasidTranslationType,
  RegisterOffset,
  RTADDR_REG,
  SM_CONTEXT_ENTRY,
  SM_ROOT_ENTRY,
  TranslationTableMode,
  VtdUnit,
} from '@ioasis/hw-intel-vtd';
import { subjects } from './subjects.js';

/** A VT-d unit in scalable mode, and the first-stage table by which it translates requests without PASID. */
export interface FirstStageUnit {
  readonly unit: VtdUnit;
  readonly table: RadixTable;
}

/** Sets the unit up as a bare program does: the driver for iommufd makes second-stage domains. @param requester on bus 0, below 0x80 */
export function firstStageUnit(
  memory: PhysicalMemory,
  frames: FrameAllocator,
  iotlbEntries: number,
  requester: number,
): FirstStageUnit {
  const options = { preset: 'full', caches: { iotlbEntries } } as const;
  const unit = new VtdUnit({ memory, options, interrupts: () => undefined });
  const subject = subjects.find(({ name }) => name === 'vtd-fs');
  if (subject === undefined) throw new Error('no first-stage format');
  const table = new RadixTable({ ...subject, memory, frames });
  const [root, contexts, directory, pasids] = [page(frames), page(frames), page(frames), page(frames)];
  store(memory, root << 12n, SM_ROOT_ENTRY.encode({ LP: 1, LCTP: contexts }));
  const context = SM_CONTEXT_ENTRY.encode({ P: 1, PASIDDIRPTR: directory });
  store(memory, (contexts << 12n) + BigInt(requester) * 32n, context);
  store(memory, directory << 12n, PASID_DIRECTORY_ENTRY.encode({ P: 1, SMPTBLPTR: pasids }));
  const tableFrame = BigInt(frameOf(table.rootHi, table.rootLo));
  const type = { P: 1, PGTT: PasidTranslationType.FIRST_STAGE, DID: 1, PWSNP: 1, FSPTPTR: tableFrame };
  store(memory, pasids << 12n, PASID_ENTRY.encode(type));
  write64(unit, RegisterOffset.RTADDR, RTADDR_REG.encode({ RTA: root, TTM: TranslationTableMode.SCALABLE }));
  unit.write32(RegisterOffset.GCMD, Number(GCMD_REG.encode({ SRTP: 1 })) | 0);
  unit.write32(RegisterOffset.GCMD, Number(GCMD_REG.encode({ TE: 1 })) | 0);
  return { unit, table };
}

/** A cleared page. @returns its frame */
const page = (frames: FrameAllocator): bigint => BigInt(frames.allocate(0));

/** Up to 512 bits, little endian. */
function store(memory: PhysicalMemory, at: bigint, entry: bigint): void {
  for (let word = 0n; word < 8n; word++) {
    const value = BigInt.asUintN(64, entry >> (64n * word));
    if (value !== 0n) memory.store64(hi32(at), lo32(at) + Number(word * 8n), hi32(value), lo32(value));
  }
}
