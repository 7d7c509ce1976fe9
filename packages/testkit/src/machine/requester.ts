import type { TranslationUnit } from '@ioasis/core';

/** Who asks a unit: what `toTranslate` is asked of. A {@link TestMachine} is one, so is `{ unit, requesterId }` of a bare unit. */
export interface Requester {
  readonly unit: TranslationUnit;
  /** Source id, StreamID. */
  readonly requesterId: number;
  /** PASID of its requests; without one unless given. */
  readonly pasid?: number;
}
