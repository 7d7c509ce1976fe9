import type { Answer, UnitName } from '../scenario/format.js';
import type { KnownDeviation } from './campaign.js';

const isZero = (data: unknown): boolean => typeof data === 'string' && /^0*$/.test(data);

/** Not QEMU's fault but ours: from outside, memory of zeroes, a bus abort and a refused read look alike. */
const unseen: KnownDeviation = {
  rule: 'a read that brings zeroes, or no memory behind the translation: QEMU does not tell this from a refusal',
  explains: ({ ours, theirs, scenario, step }) => {
    const access = scenario.steps[step];
    if (access?.op !== 'dma' || theirs['status'] !== 'blocked' || 'faults' in ours || 'faults' in theirs) return false;
    return ours['status'] === 'blocked' || (access.dir === 'read' && isZero(ours['data']));
  },
};

const reasons = (answer: Answer): readonly unknown[] =>
  (Array.isArray(answer['faults']) ? answer['faults'] : []).map((fault: Answer) => fault['reason']);

const vtd: readonly KnownDeviation[] = [
  {
    rule: 'reason 0xB is qualified: FPD of the context entry suppresses it; QEMU records it',
    explains: ({ ours, theirs }) => ours['suppressed'] === true && reasons(theirs).includes(0xb),
  },
  {
    rule: 'an address beyond the width of a pass-through entry faults with reason 4; QEMU takes such requesters off the unit',
    explains: ({ ours, theirs }) =>
      reasons(ours).includes(4) && theirs['status'] === 'blocked' && reasons(theirs).length === 0,
  },
];

/** Where QEMU 7.2 is known to depart from the architecture, by unit. Every entry gives its rule; anything else is a finding. */
export const deviations: Readonly<Record<UnitName, readonly KnownDeviation[]>> = {
  vtd: [unseen, ...vtd],
  amdvi: [unseen],
  smmuv3: [],
};
