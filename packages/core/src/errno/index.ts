export { Errno, errnoName, type ErrnoName, type ErrnoNumber } from './errno.js';
export {
  allRefusalRules,
  describeRefusal,
  done,
  refusalTable,
  type Facts,
  type IoResult,
  type Refusal,
  type RefusalRule,
  type RefusalTable,
} from './refusal.js';
