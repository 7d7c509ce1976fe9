import { join64 } from '../bits/index.js';
import type { TranslationWalk, WalkStep } from './fault.js';
import { Access, type Translation } from './translation-unit.js';

/**
 * What `explain` answers after a silent translation.
 * @param steps what it read
 * @param isAllowed what the translation returned
 */
export function explainedWalk(
  steps: readonly WalkStep[],
  translation: Translation,
  isAllowed: boolean,
): TranslationWalk {
  if (!isAllowed) {
    const { code = 0, name = '' } = translation.fault ?? {};
    return { steps, pa: undefined, pageBytes: undefined, readable: false, writable: false, fault: { code, name } };
  }
  return {
    steps,
    pa: join64(translation.paHi, translation.paLo),
    pageBytes: 1n << BigInt(translation.pageShift),
    readable: (translation.permissions & Access.READ) !== 0,
    writable: (translation.permissions & Access.WRITE) !== 0,
    fault: undefined,
  };
}
