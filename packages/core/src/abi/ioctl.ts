import type { StructLayout } from './struct-layout.js';

/** `_IO(type, nr)`: no direction and no size in the number, as all iommufd and VFIO ioctls are made. */
export const ioctlNumber = (type: string, nr: number): number => (type.charCodeAt(0) << 8) | nr;

/** `_IOC_NR`: the low byte of a request. */
export const ioctlNr = (request: number): number => request & 0xff;

/** What is passed as the third argument of an ioctl. */
export type IoctlArgument =
  | { readonly kind: 'none' }
  /** A number by value, e.g. the extension of VFIO_CHECK_EXTENSION. */
  | { readonly kind: 'value'; readonly meaning: string }
  /** A pointer to a 32-bit number. */
  | { readonly kind: 's32-pointer'; readonly meaning: string }
  /** A pointer to a structure. */
  | { readonly kind: 'struct'; readonly layout: StructLayout };

/** One ioctl as data. */
export interface IoctlDefinition {
  /** Name in the uapi header. */
  readonly name: string;
  /** Full 32-bit request number. */
  readonly request: number;
  readonly argument: IoctlArgument;
}
