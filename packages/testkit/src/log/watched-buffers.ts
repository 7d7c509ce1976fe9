import { IommufdRequest, type FieldKinds, type IoctlDefinition, type StructValues } from '@ioasis/core';

/** Memory that the structure of an ioctl points to. */
export interface PointedMemory {
  readonly addr: bigint;
  readonly bytes: number;
}

type Values = StructValues<FieldKinds>;
const number = (values: Values, field: string): number => Number(values[field]);

/** Structures with a pointer in them: its field, and how many bytes it points to. */
const pointers: ReadonlyMap<number, readonly [field: string, bytes: (values: Values) => number]> = new Map([
  [IommufdRequest.IOAS_ALLOW_IOVAS, ['allowed_iovas', (values: Values) => number(values, 'num_iovas') * 16]],
  [IommufdRequest.IOAS_IOVA_RANGES, ['allowed_iovas', (values: Values) => number(values, 'num_iovas') * 16]],
  [IommufdRequest.HWPT_ALLOC, ['data_uptr', (values: Values) => number(values, 'data_len')]],
  [IommufdRequest.GET_HW_INFO, ['data_uptr', (values: Values) => number(values, 'data_len')]],
  [
    IommufdRequest.HWPT_INVALIDATE,
    ['data_uptr', (values: Values) => number(values, 'entry_len') * number(values, 'entry_num')],
  ],
  [
    IommufdRequest.HWPT_GET_DIRTY_BITMAP,
    ['data', (values: Values) => Math.ceil(number(values, 'length') / number(values, 'page_size') / 64) * 8],
  ],
]);

/** More than this is no buffer but a mistake. */
const MOST_BYTES = 0x10_0000;

/** What a call's structure points to besides itself. */
export function pointedMemory({ request, argument }: IoctlDefinition, block: Uint8Array): readonly PointedMemory[] {
  const pointer = pointers.get(request);
  if (pointer === undefined || argument.kind !== 'struct') return [];
  const [field, bytesOf] = pointer;
  const values: Values = argument.layout.decode(block);
  const bytes = bytesOf(values);
  const addr = values[field];
  return typeof addr === 'bigint' && addr !== 0n && bytes > 0 && bytes <= MOST_BYTES ? [{ addr, bytes }] : [];
}
