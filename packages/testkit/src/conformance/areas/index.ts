import type { CaseArea } from '../conformance-case.js';
import { gather } from './gather.js';
import { largePages } from './large-pages.js';
import { boundaries } from './boundaries.js';
import { pages } from './pages.js';
import { rights } from './rights.js';

/** Everything that is asked of a backend, in the order of the report. */
export const AREAS: readonly CaseArea[] = [pages, rights, boundaries, largePages, gather];
