import { env } from 'node:process';
import type { BackendSource } from './backend-source.js';

/** Environment variable that selects backends from outside: ids, separated by commas. Empty or absent: all. */
export const BACKEND_VARIABLE = 'IOASIS_BACKEND';

/**
 * The backends that a run is to use: those of `known` that `selection` names, in its order; all without a selection. So a CI matrix chooses
 * the vendor with `IOASIS_BACKEND=intel-vtd,amd-vi` and needs no code.
 *
 * @param selection ids, separated by commas; what {@link BACKEND_VARIABLE} says unless given
 * @throws RangeError for an id that is not known or comes twice, with the list of known ones; and when two of `known` have one id
 */
export function selectBackends<Source extends BackendSource>(
  known: readonly Source[],
  selection: string = env[BACKEND_VARIABLE] ?? '',
): readonly Source[] {
  const ids = known.map(({ id }) => id);
  const list = ids.join(', ');
  if (new Set(ids).size < ids.length) throw new RangeError(`two backends have one id: ${list}`);
  const names = selection.split(',').map((name) => name.trim());
  if (selection.trim() === '') return known;
  return names.map((name, index) => {
    const found = known.find(({ id }) => id === name);
    if (found === undefined)
      throw new RangeError(`${BACKEND_VARIABLE} names ${JSON.stringify(name)}, known are: ${list}`);
    if (names.indexOf(name) < index) throw new RangeError(`${BACKEND_VARIABLE} names ${name} twice`);
    return found;
  });
}
