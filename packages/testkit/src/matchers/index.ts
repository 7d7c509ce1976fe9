export { describeFault, describeWalk, entryFields, entryWords, requesterName } from './describe-walk.js';
export { assertFaults, faults, type ExpectedFault } from './faults.js';
export { assertNoLeaks, hasNoLeaks, leaksOf, type Closable } from './has-no-leaks.js';
export { assertHoldsInvariants, holdsInvariants, type MachineHolder } from './holds-invariants.js';
export { ioasisMatchers, type IoasisMatchers, type MatcherOutcome } from './matchers.js';
export { assertRefuses, refuses } from './refuses.js';
export { assertTranslates, translates } from './translates.js';
export { assertVerdict, explainVerdict, type Verdict } from './verdict.js';
