import type { BackendDefinition, TranslationUnit } from '@ioasis/core';
import type { CheckerName } from '../../src/index.js';
import { dropping, edits, type CommandEdits } from './command-edits.js';
import { filterCommands, type Rewrite } from './command-filter.js';
import { CheckedMachine, type Vendor } from './machines.js';

/** A machine whose driver makes a mistake from some point on. */
export class FaultyMachine extends CheckedMachine {
  readonly vendor: Vendor;
  readonly edits: CommandEdits;

  constructor(vendor: Vendor, backend: BackendDefinition, only: readonly CheckerName[] = ['stale-translation']) {
    super(backend, { only });
    this.vendor = vendor;
    this.edits = edits[vendor];
  }

  get unit(): TranslationUnit {
    return this.machine.backend.unitOf(this.device().iommu);
  }

  /** From now on the driver's commands are changed on their way to the unit. */
  seed(rewrite: Rewrite): void {
    filterCommands(this.unit, this.machine.memory, this.vendor, rewrite);
  }

  forgetTlb(): void {
    this.seed(dropping(this.edits.isTlb, this.edits.nothing));
  }

  /** From now on the driver believes that the unit has taken all its commands. SMMU_CMDQ_CONS reads as SMMU_CMDQ_PROD. */
  hurry(): void {
    const { unit } = this;
    const { read32 } = unit;
    unit.read32 = (offset) => read32.call(unit, offset === 0x9c ? 0x98 : offset);
  }
}
