import { missingQemu, runOnQemu, type Scenario, type ScenarioRun } from '@ioasis/testkit';
import { left, right, type Either } from 'fp-ts/lib/Either.js';

/** Runs a scenario on a QEMU of its own. @returns Left with what is in the way, e.g. that it is not installed */
export async function runWithQemu(scenario: Scenario): Promise<Either<string, ScenarioRun>> {
  try {
    return right(await runOnQemu(scenario));
  } catch (error) {
    const missing = missingQemu(error);
    if (missing !== undefined) return left(`${missing} is not installed; it comes with QEMU`);
    return left(`QEMU: ${error instanceof Error ? error.message : String(error)}`);
  }
}
