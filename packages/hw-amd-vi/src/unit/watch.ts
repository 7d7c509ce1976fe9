import type { UnitObserver } from '@ioasis/core';

/** Who is told what a unit does. One object per unit, shared by its parts; asked on cold paths only. */
export class Watch {
  observer: UnitObserver | null = null;
}
