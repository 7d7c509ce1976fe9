import type { HardwareFault, PhysicalMemory, TranslationUnit } from '@ioasis/core';
import type { Scenario } from './format.js';

/** What a scenario runs on: a bare unit after reset in front of memory of zeroes. Vendors are handed in as these. */
export interface ScenarioUnit {
  readonly unit: TranslationUnit;
  readonly memory: PhysicalMemory;
  /**
   * The word of SMMUv3's `how` for the access that was just answered: `ok`, `bypass`, `disable` without a fault; `abort`, `fault`,
   * `no-translation` with one. Absent for units that have no such field.
   */
  how?(requesterId: number, iova: bigint, fault: HardwareFault | undefined): string;
}

/**
 * Makes the unit of one scenario with the capabilities of its `config`.
 * @param caches false: every access walks the tables as they are
 */
export type ScenarioUnitFactory = (scenario: Scenario, caches: boolean) => ScenarioUnit;
