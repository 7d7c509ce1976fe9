import type { CaseArea } from '../conformance-case.js';
import { agreement } from './agreement.js';
import { attachment } from './attachment.js';
import { boundaries } from './boundaries.js';
import { devices } from './devices.js';
import { dirty } from './dirty.js';
import { failures } from './failures.js';
import { faults } from './faults.js';
import { gather } from './gather.js';
import { invalidation } from './invalidation.js';
import { largePages } from './large-pages.js';
import { nesting } from './nesting.js';
import { pages } from './pages.js';
import { pasids } from './pasids.js';
import { randomUse } from './random-use.js';
import { release } from './release.js';
import { reserved } from './reserved.js';
import { rights } from './rights.js';

/** Everything that is asked of a backend, in the order of the report. */
export const AREAS: readonly CaseArea[] = [
  pages,
  rights,
  boundaries,
  largePages,
  gather,
  invalidation,
  attachment,
  devices,
  faults,
  agreement,
  dirty,
  reserved,
  pasids,
  nesting,
  failures,
  release,
  randomUse,
];
