/**
 * Where a failure can be injected: a frame or kernel object is allocated, a user page is pinned, bytes are copied from or to user
 * memory, a backend is asked.
 */
export type FailureKind = 'allocate' | 'pin' | 'copy-in' | 'copy-out' | 'backend';

/** Numbered failure points: asked once at each of them, in program order. */
export interface FailureSource {
  /** Whether this very point fails. */
  fails(kind: FailureKind): boolean;
}
