/** How a field is stored. All integers are little-endian, as on every machine that runs these ioctls. */
export type FieldKind = 'u8' | 'u16' | 'u32' | 's32' | 'u64' | 'bytes';

/** Who writes a field: the caller, the kernel, or first one and then the other. */
export type FieldDirection = 'in' | 'out' | 'inout';

/** One member of a C structure. */
export interface Field<Kind extends FieldKind = FieldKind> {
  readonly kind: Kind;
  /** First byte in the structure. */
  readonly offset: number;
  /** Size in bytes. */
  readonly bytes: number;
  readonly direction: FieldDirection;
}

const field =
  <Kind extends FieldKind>(kind: Kind, bytes: number) =>
  (offset: number, direction: FieldDirection = 'in'): Field<Kind> => ({ kind, offset, bytes, direction });

type FieldMaker<Kind extends FieldKind> = (offset: number, direction?: FieldDirection) => Field<Kind>;

/** `__u8` at a byte offset. */
export const u8: FieldMaker<'u8'> = field('u8', 1);
/** `__u16` at a byte offset. */
export const u16: FieldMaker<'u16'> = field('u16', 2);
/** `__u32` at a byte offset. */
export const u32: FieldMaker<'u32'> = field('u32', 4);
/** `__s32` at a byte offset. */
export const s32: FieldMaker<'s32'> = field('s32', 4);
/** `__aligned_u64` at a byte offset. */
export const u64: FieldMaker<'u64'> = field('u64', 8);
/** `__u8 name[count]` at a byte offset. */
export const byteArray = (offset: number, count: number, direction: FieldDirection = 'in'): Field<'bytes'> => ({
  kind: 'bytes',
  offset,
  bytes: count,
  direction,
});

/** TypeScript value of a field kind: bigint for 64 bits, bytes for arrays, number otherwise. */
export type FieldValue<Kind extends FieldKind> = Kind extends 'u64'
  ? bigint
  : Kind extends 'bytes'
    ? Uint8Array
    : number;

/** Names of a structure's fields with their kinds; `U32<'id' | 'flags'> & U64<'iova'>` spells one. */
export type FieldKinds = Readonly<Record<string, FieldKind>>;
/** Fields with unsigned 8-bit values. */
export type U8<Name extends string> = Readonly<Record<Name, 'u8'>>;
/** Fields with unsigned 16-bit values. */
export type U16<Name extends string> = Readonly<Record<Name, 'u16'>>;
/** Fields with unsigned 32-bit values. */
export type U32<Name extends string> = Readonly<Record<Name, 'u32'>>;
/** Fields with signed 32-bit values. */
export type S32<Name extends string> = Readonly<Record<Name, 's32'>>;
/** Fields with unsigned 64-bit values. */
export type U64<Name extends string> = Readonly<Record<Name, 'u64'>>;
/** Fields of raw bytes. */
export type Bytes<Name extends string> = Readonly<Record<Name, 'bytes'>>;

/** Values of all fields of a structure. */
export type StructValues<Kinds extends FieldKinds> = { [Name in keyof Kinds]: FieldValue<Kinds[Name]> };

/** A C structure of the user interface as data; {@link structLayout} makes one. */
export interface StructLayout<Kinds extends FieldKinds = FieldKinds> {
  /** Name in the uapi header, without `struct`. */
  readonly name: string;
  /** `sizeof`, bytes. */
  readonly size: number;
  /** Smallest size that the kernel accepts: the end of the last field of the first version, bytes. */
  readonly minSize: number;
  readonly fields: { readonly [Name in keyof Kinds]: Field<Kinds[Name]> };
  /** First byte of each field: constants for code that must not allocate. */
  readonly offsets: { readonly [Name in keyof Kinds]: number };
  /** All fields of the first `size` bytes; a shorter array reads as if zeroes followed. */
  decode(bytes: Uint8Array): StructValues<Kinds>;
  /** `size` bytes with the given fields set and zero elsewhere; throws RangeError when a number does not fit its field. */
  encode(values: Partial<StructValues<Kinds>>): Uint8Array;
  /** Name of the field that holds a byte, undefined for padding. */
  fieldAt(offset: number): (keyof Kinds & string) | undefined;
}

/**
 * Declares a structure and checks it at load: fields lie inside, do not overlap and are naturally aligned. The same table serves the
 * handlers, the typed calls, the documentation and the field-by-field differences of a replay.
 */
export function structLayout<Kinds extends FieldKinds>(table: {
  readonly name: string;
  readonly size: number;
  readonly minSize?: number;
  readonly fields: { readonly [Name in keyof Kinds]: Field<Kinds[Name]> };
}): StructLayout<Kinds> {
  const { name, size, fields } = table;
  const entries = Object.entries(fields) as [keyof Kinds & string, Field][];
  const owners: (keyof Kinds & string)[] = [];
  for (const [fieldName, { kind, offset, bytes }] of entries) {
    if (offset < 0 || offset + bytes > size) throw new RangeError(`${name}.${fieldName} is not inside ${size} bytes`);
    if (kind !== 'bytes' && offset % bytes !== 0) throw new RangeError(`${name}.${fieldName} is not aligned`);
    for (let at = offset; at < offset + bytes; at++) {
      if (owners[at] !== undefined) throw new RangeError(`${name}.${fieldName} overlaps ${owners[at]}`);
      owners[at] = fieldName;
    }
  }
  return {
    name,
    size,
    minSize: table.minSize ?? size,
    fields,
    offsets: Object.fromEntries(
      entries.map(([fieldName, { offset }]) => [fieldName, offset]),
    ) as StructLayout<Kinds>['offsets'],
    decode(bytes) {
      const whole = bytes.length < size ? extended(bytes, size) : bytes;
      const view = new DataView(whole.buffer, whole.byteOffset, size);
      const values: Record<string, bigint | number | Uint8Array> = {};
      for (const [key, it] of entries) values[key] = readField(view, it);
      return values as StructValues<Kinds>;
    },
    encode(values) {
      const bytes = new Uint8Array(size);
      const view = new DataView(bytes.buffer);
      for (const key of Object.keys(values)) {
        const value: bigint | number | Uint8Array | undefined = values[key];
        const it: Field | undefined = fields[key];
        if (it === undefined) throw new RangeError(`${name} has no field ${key}`);
        if (value !== undefined) writeField(view, it, value, name, key);
      }
      return bytes;
    },
    fieldAt: (offset) => owners[offset],
  };
}

/** The bytes with zeroes behind them. */
function extended(bytes: Uint8Array, size: number): Uint8Array {
  const whole = new Uint8Array(size);
  whole.set(bytes);
  return whole;
}

function readField(view: DataView, { kind, offset, bytes }: Field): bigint | number | Uint8Array {
  switch (kind) {
    case 'u8':
      return view.getUint8(offset);
    case 'u16':
      return view.getUint16(offset, true);
    case 'u32':
      return view.getUint32(offset, true);
    case 's32':
      return view.getInt32(offset, true);
    case 'u64':
      return view.getBigUint64(offset, true);
    case 'bytes':
      return new Uint8Array(view.buffer.slice(view.byteOffset + offset, view.byteOffset + offset + bytes));
  }
}

function writeField(
  view: DataView,
  { kind, offset, bytes }: Field,
  value: bigint | number | Uint8Array,
  struct: string,
  name: string,
): void {
  if (typeof value === 'object') {
    if (kind !== 'bytes' || value.length > bytes) {
      throw new RangeError(`${struct}.${name}: ${value.length} bytes do not fit`);
    }
    new Uint8Array(view.buffer).set(value, view.byteOffset + offset);
    return;
  }
  if (!storeNumber(view, kind, offset, value)) {
    throw new RangeError(`${struct}.${name}: ${String(value)} does not fit ${kind}`);
  }
}

/** @returns false: the number is not one of the kind, and what is stored means nothing */
function storeNumber(view: DataView, kind: FieldKind, offset: number, value: bigint | number): boolean {
  if (kind === 'u64') {
    const number = BigInt(value);
    view.setBigUint64(offset, number, true);
    return BigInt.asUintN(64, number) === number;
  }
  const number = Number(value);
  switch (kind) {
    case 'u8':
      view.setUint8(offset, number);
      return number === (number & 0xff);
    case 'u16':
      view.setUint16(offset, number, true);
      return number === (number & 0xffff);
    case 'u32':
      view.setUint32(offset, number, true);
      return number === number >>> 0;
    case 's32':
      view.setInt32(offset, number, true);
      return number === (number | 0);
    case 'bytes':
      return false;
  }
}
