import { Access, hex, hi32, join64, lo32, NO_PASID } from '@ioasis/core';
import type { Requester } from '../machine/index.js';
import { describeFault, describeWalk, requesterName } from './describe-walk.js';
import { assertVerdict, type Verdict } from './verdict.js';

/**
 * Whether a requester's access reaches a physical address. The unit is asked as the device asks it: from its caches, filling them and recording
 * faults.
 * @param iova first byte, and `pa` where it must lead
 */
export function translates(requester: Requester, iova: bigint, pa: bigint, access: 'read' | 'write' = 'read'): Verdict {
  const { unit, requesterId, pasid = NO_PASID } = requester;
  const kind = access === 'read' ? Access.READ : Access.WRITE;
  const { iotlbHits } = unit.counters;
  const isAllowed = unit.translate(requesterId, pasid, hi32(iova), lo32(iova), kind);
  const { paHi, paLo, fault } = unit.translation;
  const answer = isAllowed ? join64(paHi, paLo) : undefined;
  const source = unit.counters.iotlbHits > iotlbHits ? 'from its IOTLB' : 'by a walk';
  return {
    pass: answer === pa,
    subject: requesterName(requesterId),
    expectation: `translate ${hex(iova)} to ${hex(pa)} for a ${access}`,
    seen() {
      const walk = unit.explain(requesterId, pasid, iova, kind);
      const refusal = fault === null ? 'it is refused' : `it is refused: ${describeFault(fault)}`;
      return [
        answer === undefined ? refusal : `it leads to ${hex(answer)}, answered ${source}`,
        `the tables${walk.pa === answer ? '' : ', which say something else'}:`,
        describeWalk(walk),
      ].join('\n');
    },
  };
}

/** @throws AssertionError that prints the answer, where it came from, and the walk of the tables */
export const assertTranslates = (
  requester: Requester,
  iova: bigint,
  pa: bigint,
  access: 'read' | 'write' = 'read',
): void => assertVerdict(translates(requester, iova, pa, access));
