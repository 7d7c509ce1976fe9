import { Access } from '@ioasis/core';
import type { Context } from './context.js';

/** Rights of privileged requests stand above those of unprivileged ones in a TLB entry. */
export const PRIVILEGED_SHIFT = 3;

const DATA = Access.READ | Access.WRITE;

/**
 * What a stage 1 leaf allows, given as unprivileged and privileged rights, after WXN and PAN; privileged rights stand above. What the unprivileged
 * can write the privileged cannot execute: in VMSAv8-64 always, UWXN is for LPAE (IHI 0070 5.4, UWXN).
 */
export function stage1Rights(context: Context, unprivileged: number, privileged: number): number {
  const { writeExecuteNever, singlePrivilege } = context;
  if (writeExecuteNever && (privileged & Access.WRITE) !== 0) privileged &= ~Access.EXECUTE;
  if (!singlePrivilege && (unprivileged & Access.WRITE) !== 0) privileged &= ~Access.EXECUTE;
  if (context.privilegedAccessNever && (unprivileged & DATA) !== 0) privileged &= ~DATA;
  if (writeExecuteNever && (unprivileged & Access.WRITE) !== 0) unprivileged &= ~Access.EXECUTE;
  return unprivileged | (privileged << PRIVILEGED_SHIFT);
}
