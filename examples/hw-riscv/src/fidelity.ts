import { fidelityRow as row, type FidelityFeature, type FidelityState } from '@ioasis/core';
import type { RiscvIommuConfiguration } from './options.js';

/** What of a RISC-V IOMMU is here, and what is left out. */
export function riscvFidelity(configuration: RiscvIommuConfiguration): FidelityFeature[] {
  const { levels, hardwareDirty, contextEntries, iotlbEntries, completion } = configuration;
  const optional = (isOn: boolean): FidelityState => (isOn ? 'modelled' : 'absent');
  return [
    row(1, 'Device directory of one, two or three levels, base format', 'modelled', 'ddtp.iommu_mode'),
    row(1, `First stage Sv39 to Sv${12 + 9 * levels}`, 'modelled', 'option mode'),
    row(1, 'Execute-only pages', 'part', 'refused for fetches too'),
    row(1, 'Svnapot', 'absent', 'N is reserved, though the specification asks for it of every IOMMU'),
    row(1, 'Svpbmt', 'absent', 'no capability says so'),
    row(1, 'IOTINVAL.VMA, IOFENCE.C, IODIR.INVAL_DDT', 'modelled'),
    row(2, 'Fault queue, overflow, DTF', 'modelled'),
    row(
      2,
      'Device context cache and IOATC by PSCID',
      optional(contextEntries > 0 && iotlbEntries > 0),
      'option caches',
    ),
    row(2, 'Command queue errors: CQMF, CMD_ILL', 'modelled'),
    row(3, 'Accessed and dirty bits', optional(hardwareDirty), 'AMO_HWAD, tc.SADE'),
    row(3, 'Process directories, second stage, MSI tables, ATS, page requests', 'absent', 'no capability says so'),
    row(4, 'Commands that wait for a step', optional(completion === 'stepped'), 'option completion'),
    row(4, 'Non-leaf cache', 'absent', 'every walk starts at the root'),
  ];
}
