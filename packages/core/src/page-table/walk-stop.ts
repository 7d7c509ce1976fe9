/** Why a walk stopped. The vendor's cold code turns it into its own fault, following its own order of checks. */
export const WalkStop = {
  NONE: 0,
  /** IOVA outside of what the root translates; nothing was read. */
  INPUT: 1,
  /** Reading the entry met no memory. */
  ABORT: 2,
  /** The translator of a nested walk refused the entry's address: nothing was read there, or it may not be written. */
  STAGE: 3,
  NOT_PRESENT: 4,
  /** Present, but neither a link nor a page at this level. */
  ENCODING: 5,
  /** A reserved bit of the entry is set. */
  RESERVED: 6,
  /** The entry's address is wider than the root's output. */
  OUTPUT: 7,
  /** A right is missing; `allowedHi`, `allowedLo` hold what is left. */
  PERMISSION: 8,
  /** Accessed flag clear, and this walker does not set it. */
  ACCESSED: 9,
  /** An accessed or dirty bit had to be set and could not be written. */
  UPDATE: 10,
  /** A link skips levels, and the IOVA has bits set there. */
  SKIPPED: 11,
} as const;
