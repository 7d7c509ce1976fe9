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
export { RadixTable } from './radix-table.js';
export { type RadixTableOptions, type TableWriteObserver } from './radix-options.js';
export { RadixWalker } from './radix-walker.js';
export { CarefulWalker, type WalkVisitor } from './careful-walker.js';
export { WalkStop } from './walk-stop.js';
export { type RadixWalkerOptions } from './walk-words.js';
export { TableDomain } from './table-domain.js';
export { TableRoot, type TableAddressTranslator, type TableRootOptions } from './table-root.js';
