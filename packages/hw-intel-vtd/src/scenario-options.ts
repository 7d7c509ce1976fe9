import type { Range64 } from '@ioasis/core';
import type { VtdOptions } from './options.js';

/** `config` of a VT-d scenario in iommu-scenario/1. */
export interface VtdScenarioConfig {
  /** 39 or 48. */
  readonly aw_bits?: number;
  readonly scalable?: boolean;
  /** Pass-through; default true. */
  readonly pt?: boolean;
  readonly caching_mode?: boolean;
}

const CAP_BY_WIDTH: Readonly<Record<number, bigint>> = { 39: 0xd2_008c_2226_0206n, 48: 0xd2_008c_222f_0606n };
const ECAP = 0xf42n;
const ECAP_SCALABLE = 0x4800_8000_0000n;

/** RAM of the machine that VT-d scenarios were recorded on, inclusive bytes. */
export const VTD_SCENARIO_MEMORY: readonly Range64[] = [
  { start: 0n, last: 0x7fff_ffffn },
  { start: 0x1_0000_0000n, last: 0x1_ffff_ffffn },
];

/**
 * Options of the unit that a scenario's `config` describes (QEMU 7.2's intel-iommu, whose physical addresses are as wide as its
 * input).
 * @throws RangeError for an address width that such a unit does not have
 */
export function scenarioOptions(config: VtdScenarioConfig, caches: boolean): VtdOptions {
  const width = config.aw_bits ?? 39;
  const cap = CAP_BY_WIDTH[width];
  if (cap === undefined) throw new RangeError(`scenario config: aw_bits is ${width}, expected one of 39, 48`);
  return {
    cap,
    ecap: config.scalable === true ? ECAP | ECAP_SCALABLE : ECAP,
    hostAddressWidth: width,
    cachingMode: config.caching_mode ?? false,
    passThrough: config.pt ?? true,
    // The recorded unit reports caching mode without keeping anything that is not present.
    caches: caches && { negative: false },
  };
}
