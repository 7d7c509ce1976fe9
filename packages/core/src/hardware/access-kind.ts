import type { AccessKind } from './fault.js';
import { Access } from './translation-unit.js';

/** The kind of a request, for people. @param access OR of {@link Access} */
export function accessKind(access: number): AccessKind {
  if ((access & Access.TRANSLATION_REQUEST) !== 0) return 'translation-request';
  if ((access & Access.ATOMIC) !== 0) return 'atomic';
  if ((access & Access.EXECUTE) !== 0) return 'execute';
  return (access & Access.WRITE) !== 0 ? 'write' : 'read';
}
