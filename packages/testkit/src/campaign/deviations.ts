import type { Answer, UnitName } from '../scenario/format.js';
import type { CampaignDifference, KnownDeviation } from './campaign.js';

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

const passesThrough = ({ theirs }: CampaignDifference): boolean =>
  Array.isArray(theirs['segments']) && theirs['segments'].every(({ iova, pa }: Answer) => iova === pa);

const amdvi: readonly KnownDeviation[] = [
  {
    rule: 'a device table entry with V = 1 and TV = 0 refuses, one of mode 0 applies IR and IW; QEMU passes both through',
    explains: (difference) => difference.ours['status'] === 'blocked' && passesThrough(difference),
  },
];

const firstEvent = (answer: Answer): unknown =>
  Array.isArray(answer['events']) ? answer['events'][0]?.name : undefined;

const smmuv3: readonly KnownDeviation[] = [
  {
    rule: 'not seen: an access that is let through to an address without memory ends in a bus abort',
    explains: ({ ours, theirs }) =>
      ours['status'] === 'blocked' && ours['how'] === theirs['how'] && ours['pa'] === theirs['pa'],
  },
  {
    rule: 'an output address beyond the output size gives F_ADDR_SIZE; QEMU does not check leaves',
    explains: ({ ours, theirs }) =>
      (firstEvent(ours) ?? 'F_ADDR_SIZE') === 'F_ADDR_SIZE' &&
      ours['how'] === 'fault' &&
      BigInt(String(theirs['pa'] ?? 0)) >> 32n !== 0n,
  },
];

/** Where QEMU 7.2 is known to depart from the architecture, by unit. Every entry gives its rule; anything else is a finding. */
export const deviations: Readonly<Record<UnitName, readonly KnownDeviation[]>> = {
  vtd: [unseen, ...vtd],
  amdvi: [unseen, ...amdvi],
  smmuv3,
};
