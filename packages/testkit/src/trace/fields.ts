import { Buffer } from 'node:buffer';
import {
  IommuHwptPgfault,
  IommuIovaRange,
  iommufdIoctls,
  VfioInfoCapHeader,
  VfioIommuType1InfoCapIovaRange,
  VfioIommuType1InfoCapMigration,
  VfioIommuType1InfoDmaAvail,
  vfioIoctls,
  VfioIovaRange,
  type Field,
  type StructLayout,
} from '@ioasis/core';
import { TestCommand } from '../mock/test-command.js';
import type { TraceStep } from './format.js';

/** One field of a structure that differs. Values are printed: numbers in hex, missing bytes as `nothing`. */
export interface FieldDifference {
  /** `vfio_iommu_type1_info.argsz`, `iova_ranges[1].start`, `byte 0x40`. */
  readonly field: string;
  readonly expected: string;
  readonly got: string;
}

/** A structure inside a range of bytes. */
interface Placed {
  readonly name: string;
  readonly offset: number;
  readonly layout: StructLayout;
}

/** Structures by the recorder's name of the call. */
const layouts: ReadonlyMap<string, StructLayout> = new Map<string, StructLayout>([
  ...[...iommufdIoctls, ...vfioIoctls].flatMap(({ name, argument }) =>
    argument.kind === 'struct' ? [[name, argument.layout] as const] : [],
  ),
  ...Object.entries(TestCommand).map(([op, layout]) => [`IOMMU_TEST_OP_${op}`, layout as StructLayout] as const),
]);

const capabilities: ReadonlyMap<number, StructLayout> = new Map<number, StructLayout>([
  [1, VfioIommuType1InfoCapIovaRange],
  [2, VfioIommuType1InfoCapMigration],
  [3, VfioIommuType1InfoDmaAvail],
]);

const repeated = (name: string, layout: StructLayout, from: number, last: number): Placed[] => {
  const placed: Placed[] = [];
  for (let offset = from, index = 0; offset + layout.size <= last; offset += layout.size, index++) {
    placed.push({ name: `${name}[${index}]`, offset, layout });
  }
  return placed;
};

/** The capability chain of VFIO_IOMMU_GET_INFO; stops where the chain leaves the bytes or goes backwards. */
function capabilityChain(bytes: Buffer): Placed[] {
  const placed: Placed[] = [];
  let at = bytes.length >= 20 ? bytes.readUInt32LE(16) : 0;
  while (at > 0 && at + VfioInfoCapHeader.size <= bytes.length) {
    const layout = capabilities.get(bytes.readUInt16LE(at)) ?? VfioInfoCapHeader;
    const next = bytes.readUInt32LE(at + 4);
    placed.push({ name: layout.name, offset: at, layout });
    if (layout === VfioIommuType1InfoCapIovaRange) {
      placed.push(...repeated('iova_ranges', VfioIovaRange, at + layout.size, next > at ? next : bytes.length));
    }
    if (next <= at) break;
    at = next;
  }
  return placed;
}

function structuresOf(step: TraceStep, what: string, expected: Buffer): Placed[] {
  if (step.op === 'read') return repeated('iommu_hwpt_pgfault', IommuHwptPgfault, 0, expected.length);
  if (step.op !== 'ioctl') return [];
  if (what !== 'out') {
    const ranges = step.cmd === 'IOMMU_IOAS_IOVA_RANGES' || step.cmd === 'IOMMU_IOAS_ALLOW_IOVAS';
    return ranges ? repeated('iova_ranges', IommuIovaRange, 0, expected.length) : [];
  }
  const layout = layouts.get(step.cmd);
  const head = layout === undefined ? [] : [{ name: layout.name, offset: 0, layout }];
  return step.cmd === 'VFIO_IOMMU_GET_INFO' ? [...head, ...capabilityChain(expected)] : head;
}

function printField(bytes: Buffer, offset: number, field: Field): string {
  const first = offset + field.offset;
  const part = bytes.subarray(first, first + field.bytes);
  if (part.length < field.bytes) return part.length === 0 ? 'nothing' : `${part.toString('hex')} (cut)`;
  if (field.kind === 'bytes') return part.toString('hex');
  if (field.kind === 's32') return String(part.readInt32LE(0));
  return `0x${(field.bytes === 8 ? part.readBigUInt64LE(0) : part.readUIntLE(0, field.bytes)).toString(16)}`;
}

/** Runs of bytes that no structure covers and that differ, printed in words of up to 8 bytes. */
function uncovered(expected: Buffer, got: Buffer, covered: ReadonlySet<number>): FieldDifference[] {
  const found: FieldDifference[] = [];
  const length = Math.max(expected.length, got.length);
  for (let at = 0; at < length; at += 8) {
    const differs = [0, 1, 2, 3, 4, 5, 6, 7].some(
      (byte) => !covered.has(at + byte) && expected[at + byte] !== got[at + byte],
    );
    if (!differs) continue;
    const word = (bytes: Buffer): string => bytes.subarray(at, at + 8).toString('hex') || 'nothing';
    found.push({ field: `bytes from 0x${at.toString(16)}`, expected: word(expected), got: word(got) });
  }
  return found;
}

/**
 * Decodes two versions of the same bytes with the ABI's tables and names what differs.
 * @param what `out` for the argument block, `bufs.N` for a buffer, `data` for other memory
 */
export function fieldDifferences(
  step: TraceStep,
  what: string,
  expectedHex: string,
  gotHex: string,
): readonly FieldDifference[] {
  const expected = Buffer.from(expectedHex, 'hex');
  const got = Buffer.from(gotHex, 'hex');
  const covered = new Set<number>();
  const found: FieldDifference[] = [];
  for (const { name, offset, layout } of structuresOf(step, what, expected)) {
    for (const [fieldName, field] of Object.entries(layout.fields)) {
      for (let byte = 0; byte < field.bytes; byte++) covered.add(offset + field.offset + byte);
      const values = { expected: printField(expected, offset, field), got: printField(got, offset, field) };
      if (values.expected !== values.got) found.push({ field: `${name}.${fieldName}`, ...values });
    }
  }
  return [...found, ...uncovered(expected, got, covered)];
}
