import { Errno, type NestedDomain, type UserDataArray } from '@ioasis/core';
import { CacheTags } from './cache-tags.js';
import type { SecondStageDomain } from './domain.js';
import { isUserInvalidation, readUserInvalidation, type UserStage } from './user-stage.js';

/** A user's first-stage tables on top of second-stage tables. What they hold and when to invalidate it is the user's matter. */
export class UserDomain implements NestedDomain {
  readonly parent: SecondStageDomain;
  readonly stage: UserStage;
  readonly tags: CacheTags = new CacheTags(true);

  constructor(parent: SecondStageDomain, stage: UserStage) {
    this.parent = parent;
    this.stage = stage;
  }

  invalidate(entries: UserDataArray): { handled: number; errno: number } {
    if (!isUserInvalidation(entries)) return { handled: 0, errno: Errno.EINVAL };
    for (let handled = 0; handled < entries.count; handled++) {
      const range = readUserInvalidation(entries, handled);
      if (typeof range === 'number') return { handled, errno: range };
      this.tags.flushRange(range.start, range.last, range.leafOnly);
    }
    return { handled: entries.count, errno: 0 };
  }

  /** Nothing: the tables are the user's. */
  free(): void {}
}
