import { left, right, type Either } from 'fp-ts/lib/Either.js';
import { PhysicalMemory } from '@ioasis/core';
import { AmdViUnit } from '@ioasis/hw-amd-vi';
import { scenarioOptions, VtdUnit } from '@ioasis/hw-intel-vtd';
import type { Scenario, ScenarioUnit, UnitName } from '@ioasis/testkit';

/** Builds the unit of a scenario. @returns Left with what is wrong with its config */
type UnitMaker = (config: Scenario['config'], caches: boolean) => Either<string, ScenarioUnit>;

/** RAM of the x86 machines: 2 GiB and 4 GiB above 4 GiB. The tables of scenarios are anywhere in it, so the arena is small. */
const x86Memory = (): PhysicalMemory =>
  new PhysicalMemory({
    windows: [
      { start: 0n, last: 0x7fff_ffffn },
      { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn },
    ],
    arena: { start: 0n, last: 0xff_ffffn },
  });

/** QEMU 7.2's intel-iommu with the features of `config`. */
const vtd: UnitMaker = (config, caches) => {
  const { aw_bits: addressBits } = config;
  if (addressBits !== 39 && addressBits !== 48) {
    return left(`config.aw_bits must be 39 or 48; it is ${JSON.stringify(addressBits)}`);
  }
  const memory = x86Memory();
  return right({ memory, unit: new VtdUnit({ memory, options: scenarioOptions(config, caches) }) });
};

/** QEMU 7.2's amd-iommu. */
const amdvi: UnitMaker = (_config, caches) => {
  const memory = x86Memory();
  return right({ memory, unit: new AmdViUnit({ memory, options: { preset: 'qemu-q35-7.2', caches } }) });
};

const units: Readonly<Partial<Record<UnitName, UnitMaker>>> = { vtd, amdvi };

/** The unit of a scenario from reset. @returns Left when it is not modelled or its config is wrong */
export function makeUnit(scenario: Scenario, caches: boolean): Either<string, ScenarioUnit> {
  const make = units[scenario.unit];
  return make === undefined ? left(`the unit ${scenario.unit} is not modelled yet`) : make(scenario.config, caches);
}
