/** What the testkit adds to vitest: importing this registers the matchers. Without vitest, `@ioasis/testkit` has the same as functions. */
import { registerMatchers } from './register.js';

export { machineTest, testEachBackend, type MachineFixtures } from './machine-test.js';
export { registerMatchers } from './register.js';

registerMatchers();
