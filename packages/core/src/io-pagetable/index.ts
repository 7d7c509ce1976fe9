/** The mappings of an IOAS: areas, the pages behind them, the domains over them. */
export type { PagesSlice } from './area.js';
export type { DirtyBitmapRequest } from './dirty-pages.js';
export { IoPageTable } from './io-pagetable.js';
export type { MapRequest } from './map-areas.js';
export type { AccountMode } from './pages.js';
export { refusals as ioPageTableRefusals, type IoPageTableCode } from './refusals.js';
export type { DeviceRegions } from './reserve.js';
export type { ReservedOwner } from './reserved-ranges.js';
export type { IoPageTableOptions, TableAccess, TempMemory } from './table-state.js';
