import { left, right, type Either } from 'fp-ts/lib/Either.js';
import { PhysicalMemory, type HardwareFault } from '@ioasis/core';
import { AmdViUnit } from '@ioasis/hw-amd-vi';
import { SmmuV3Unit } from '@ioasis/hw-arm-smmuv3';
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

/** RAM of the arm machine, and the doorbells of its interrupt translation service, which are mapped for DMA like memory. */
const armMemory = (): PhysicalMemory =>
  new PhysicalMemory({
    windows: [
      { start: 0x808_0000n, last: 0x809_ffffn },
      { start: 0x4000_0000n, last: 0x2_3fff_ffffn },
    ],
    arena: { start: 0x4000_0000n, last: 0x40ff_ffffn },
  });

/** The recordings' word for what an access to this unit came to. */
function smmuv3How(unit: SmmuV3Unit, fault: HardwareFault | undefined): string {
  if (fault === undefined) return { translated: 'ok', bypass: 'bypass', disabled: 'disable' }[unit.passage];
  if (fault.name === 'ABORT') return 'abort';
  return fault.name === 'NO_TRANSLATION' ? 'no-translation' : 'fault';
}

/** QEMU 7.2's smmuv3. */
const smmuv3: UnitMaker = (_config, caches) => {
  const memory = armMemory();
  const unit = new SmmuV3Unit({ memory, options: { preset: 'qemu-virt-7.2', caches } });
  return right({ memory, unit, how: (_requesterId, _iova, fault) => smmuv3How(unit, fault) });
};

const units: Readonly<Record<UnitName, UnitMaker>> = { vtd, amdvi, smmuv3 };

/** The unit of a scenario from reset. @returns Left when its config is wrong */
export const makeUnit = (scenario: Scenario, caches: boolean): Either<string, ScenarioUnit> =>
  units[scenario.unit](scenario.config, caches);
