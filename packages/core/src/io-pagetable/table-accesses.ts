import { left } from 'fp-ts/lib/Either.js';
import { done, type IoResult } from '../errno/index.js';
import { updateAlignment } from './alignment.js';
import { refusals } from './refusals.js';
import type { TableAccess, TableState } from './table-state.js';

/** An access attaches and gets the lowest free number; areas must fit its alignment (Linux: `iopt_add_access`). */
export function addAccess(table: TableState, access: TableAccess): IoResult<0> {
  const { accesses, failure } = table;
  if (failure !== null && failure.fails('allocate')) {
    return refusals.refuse('IOPT_OUT_OF_MEMORY', { what: 'list of accesses' });
  }
  const free = accesses.indexOf(undefined);
  const at = free < 0 ? accesses.length : free;
  accesses[at] = access;
  const refused = updateAlignment(table);
  if (refused === null) return done;
  removeFrom(accesses, at);
  return left(refused);
}

/** Undoes {@link addAccess}; everything it pinned is unpinned by now. */
export function removeAccess(table: TableState, access: TableAccess): void {
  const at = table.accesses.indexOf(access);
  if (at < 0) throw new Error('the access is not attached to this table');
  removeFrom(table.accesses, at);
  updateAlignment(table);
}

function removeFrom(accesses: (TableAccess | undefined)[], at: number): void {
  accesses[at] = undefined;
  while (accesses.length > 0 && accesses[accesses.length - 1] === undefined) accesses.pop();
}
