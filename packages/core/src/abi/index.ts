export { ioctlNr, ioctlNumber, type IoctlArgument, type IoctlDefinition } from './ioctl.js';
export * from './iommufd-ioctls.js';
export * from './iommufd-structs.js';
export {
  byteArray,
  s32,
  structLayout,
  u16,
  u32,
  u64,
  u8,
  type Bytes,
  type Field,
  type FieldDirection,
  type FieldKind,
  type FieldKinds,
  type FieldValue,
  type S32,
  type StructLayout,
  type StructValues,
  type U16,
  type U32,
  type U64,
  type U8,
} from './struct-layout.js';
export * from './vfio-ioctls.js';
export * from './vfio-structs.js';
