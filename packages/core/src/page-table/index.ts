export {
  checkFormat,
  MAX_LEVELS,
  pageShiftsOf,
  type AccessedFlag,
  type AddressPiece,
  type ContiguousRun,
  type DirtyState,
  type EntryKind,
  type EntryTest,
  type FormatLevel,
  type FormatPermissions,
  type PageTableFormat,
  type SizeInAddress,
} from './format.js';
export { RadixTable, type RadixTableOptions, type TableWriteObserver } from './radix-table.js';
export { RadixWalker, WalkStop, type RadixWalkerOptions } from './radix-walker.js';
export { TableRoot, type TableAddressTranslator, type TableRootOptions } from './table-root.js';
