import { flagOption, oneOfOption, optionRecord, powerOfTwoOption, requireOptions } from '@ioasis/core';
import type { StageLevels } from './format/first-stage.js';

/** What a RISC-V IOMMU is. */
export interface RiscvIommuOptions {
  /** Widest first stage. Default `sv48`. */
  readonly mode?: 'sv39' | 'sv48' | 'sv57';
  /** Directories that a device context may lie behind: ids of 7, 16 or 24 bits. Default 3. */
  readonly directoryLevels?: 1 | 2 | 3;
  /** AMO_HWAD: the unit sets accessed and dirty bits. Default true. */
  readonly hardwareDirty?: boolean;
  /** Device contexts that the unit caches; a power of two. Default 16. */
  readonly contextEntries?: number;
  /** Translations that the unit caches; a power of two. Default 256. */
  readonly iotlbEntries?: number;
  /** False: every request walks. Default true. */
  readonly caches?: boolean;
  /** `immediate` (default): commands run when the tail is written; `stepped`: when `step()` is called. */
  readonly completion?: 'immediate' | 'stepped';
}

/** Options, decoded: every default filled in. */
export interface RiscvIommuConfiguration {
  /** Levels of the widest first stage. */
  readonly levels: StageLevels;
  readonly directoryLevels: 1 | 2 | 3;
  readonly hardwareDirty: boolean;
  readonly contextEntries: number;
  readonly iotlbEntries: number;
  readonly completion: 'immediate' | 'stepped';
}

const codec = optionRecord<RiscvIommuOptions>({
  mode: oneOfOption('sv39', 'sv48', 'sv57'),
  directoryLevels: oneOfOption(1, 2, 3),
  hardwareDirty: flagOption,
  contextEntries: powerOfTwoOption(1, 65_536),
  iotlbEntries: powerOfTwoOption(1, 65_536),
  caches: flagOption,
  completion: oneOfOption('immediate', 'stepped'),
});

const LEVELS = { sv39: 3, sv48: 4, sv57: 5 } as const;

/**
 * Decodes options; unknown keys are refused.
 * @throws RangeError with one message that names the path, the value and what is allowed
 */
export function riscvConfiguration(input: RiscvIommuOptions = {}): RiscvIommuConfiguration {
  const options = requireOptions('riscvIommu', codec, input);
  const size = (asked: number | undefined, usual: number): number => (options.caches === false ? 0 : (asked ?? usual));
  return {
    levels: LEVELS[options.mode ?? 'sv48'],
    directoryLevels: options.directoryLevels ?? 3,
    hardwareDirty: options.hardwareDirty ?? true,
    contextEntries: size(options.contextEntries, 16),
    iotlbEntries: size(options.iotlbEntries, 256),
    completion: options.completion ?? 'immediate',
  };
}
