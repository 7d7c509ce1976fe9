import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOnQemu, writeHaltRom, type Scenario, type ScenarioRun } from '@ioasis/testkit';
import { left, right, type Either } from 'fp-ts/lib/Either.js';

const MISSING = /spawn (\S+) ENOENT/;

/** Runs a scenario on a QEMU of its own. @returns Left with what is in the way, e.g. that it is not installed */
export async function runWithQemu(scenario: Scenario): Promise<Either<string, ScenarioRun>> {
  const folder = mkdtempSync(join(tmpdir(), 'ioasis-qemu-'));
  try {
    writeHaltRom(join(folder, 'halt.rom'));
    return right(await runOnQemu(scenario, folder));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const missing = MISSING.exec(reason)?.[1];
    return left(missing === undefined ? `QEMU: ${reason}` : `${missing} is not installed; it comes with QEMU`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
