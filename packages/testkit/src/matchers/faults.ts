import { hex, type AccessKind, type DmaOutcome, type DmaPiece } from '@ioasis/core';
import type { WatchedOutcome } from '../machine/index.js';
import { describeFault, describeWalk } from './describe-walk.js';
import { assertVerdict, type Verdict } from './verdict.js';

/** What is expected of a fault; what is absent may be anything. */
export interface ExpectedFault {
  /** The vendor's name or number of the reason, or `bus-abort`. */
  readonly reason?: string | number;
  /** A byte of the piece that was refused. */
  readonly iova?: bigint;
  readonly access?: AccessKind;
}

/** Whether a piece of a DMA was refused as expected. Pieces are cut at 4 KiB borders. */
export function faults(outcome: DmaOutcome | WatchedOutcome, expected: ExpectedFault = {}): Verdict {
  return {
    pass: outcome.pieces.some((piece) => matches(piece, expected)),
    subject: 'the DMA',
    expectation: `fault${wanted(expected)}`,
    seen: () => outcome.pieces.map((piece) => pieceText(piece, outcome)).join('\n') || 'it had no bytes',
  };
}

/** @throws AssertionError that prints what became of each piece, and its walk when the outcome is a test machine's */
export const assertFaults = (outcome: DmaOutcome | WatchedOutcome, expected: ExpectedFault = {}): void =>
  assertVerdict(faults(outcome, expected));

function matches({ iova, bytes, fault }: DmaPiece, expected: ExpectedFault): boolean {
  if (fault === undefined) return false;
  if (expected.iova !== undefined && (expected.iova < iova || expected.iova >= iova + BigInt(bytes))) return false;
  if (fault === 'bus-abort') return expected.access === undefined && (expected.reason ?? fault) === fault;
  if (expected.access !== undefined && expected.access !== fault.access) return false;
  return expected.reason === undefined || expected.reason === fault.name || expected.reason === fault.code;
}

const wanted = ({ reason, iova, access }: ExpectedFault): string =>
  [
    reason === undefined ? '' : ` with ${typeof reason === 'number' ? hex(BigInt(reason)) : reason}`,
    iova === undefined ? '' : ` at ${hex(iova)}`,
    access === undefined ? '' : ` on a ${access}`,
  ].join('');

function pieceText(piece: DmaPiece, outcome: DmaOutcome | WatchedOutcome): string {
  const { iova, bytes, pa, fault } = piece;
  const went =
    fault === undefined
      ? `went to ${hex(pa ?? 0n)}`
      : fault === 'bus-abort'
        ? `went to ${hex(pa ?? 0n)}, where no memory is`
        : `was refused: ${describeFault(fault)}`;
  const line = `[${hex(iova)}, ${hex(iova + BigInt(bytes) - 1n)}] ${went}`;
  return 'walkOf' in outcome ? `${line}; the tables now:\n${describeWalk(outcome.walkOf(piece))}` : line;
}
