import { Access } from '@ioasis/core';
import type { Context } from './context.js';

/** Rights of privileged requests stand above those of unprivileged ones in a TLB entry. */
export const PRIVILEGED_SHIFT = 3;

/** What a stage 1 leaf allows, given as unprivileged and privileged rights, after WXN and UWXN; privileged rights stand above. */
export function stage1Rights(context: Context, unprivileged: number, privileged: number): number {
  const { writeExecuteNever, unprivilegedWriteExecuteNever } = context;
  if (writeExecuteNever && (privileged & Access.WRITE) !== 0) privileged &= ~Access.EXECUTE;
  if (unprivilegedWriteExecuteNever && (unprivileged & Access.WRITE) !== 0) privileged &= ~Access.EXECUTE;
  if (writeExecuteNever && (unprivileged & Access.WRITE) !== 0) unprivileged &= ~Access.EXECUTE;
  return unprivileged | (privileged << PRIVILEGED_SHIFT);
}
