export {
  hex,
  hi32,
  iova,
  join64,
  lo32,
  physAddr,
  userAddr,
  type Iova,
  type PhysAddr,
  type UserAddr,
} from './address.js';
export { rangeContains, rangesOverlap, U64_MAX, type Range64 } from './range.js';
export { anyBit, maskWords, WordField, wordField } from './word-field.js';
export { wordLayout, type BitRange, type WordLayout } from './word-layout.js';
