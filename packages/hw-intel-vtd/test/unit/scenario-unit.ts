import { PhysicalMemory } from '@ioasis/core';
import type { Scenario, ScenarioUnit } from '@ioasis/testkit';
import { scenarioOptions, VTD_SCENARIO_MEMORY, VtdUnit, type VtdScenarioConfig } from '../../src/index.js';

/** The bare unit that a scenario asks for, in front of the memory of its machine. */
export function scenarioUnit(scenario: Scenario, caches: boolean): ScenarioUnit {
  const memory = new PhysicalMemory({ windows: VTD_SCENARIO_MEMORY, arena: { start: 0n, last: 0xff_ffffn } });
  const unit = new VtdUnit({ memory, options: scenarioOptions(scenario.config as VtdScenarioConfig, caches) });
  return { unit, memory };
}
