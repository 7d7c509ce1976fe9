import type { Scenario, UnitName } from '../scenario/format.js';
import { generateAmdVi } from './generate-amdvi.js';
import { generateSmmuV3 } from './generate-smmuv3.js';
import { generateVtd } from './generate-vtd.js';

/** Makes a scenario from a seed, by unit. The same seed gives the same scenario. */
export const generators: Readonly<Record<UnitName, (seed: number) => Scenario>> = {
  vtd: generateVtd,
  amdvi: generateAmdVi,
  smmuv3: generateSmmuV3,
};
