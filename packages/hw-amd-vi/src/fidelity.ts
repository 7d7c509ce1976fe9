import { fidelityRow as row, optionalFidelity as optional, type FidelityFeature } from '@ioasis/core';
import type { AmdViConfiguration } from './options.js';

/** What of an AMD IOMMU a machine with this configuration has, and what is left out (48882). */
export function amdViFidelity(configuration: AmdViConfiguration): FidelityFeature[] {
  const { capabilities, caches, dteFetchBits } = configuration;
  const guest = capabilities.guestTranslation;
  return [
    row(1, 'Device table entry: V, TV, Mode, IR, IW; every row of the decision table', 'modelled'),
    row(
      1,
      `Host (v1) tables, Mode 0 to ${capabilities.hostLevels}, level skipping, Next Level 7 of every size`,
      'modelled',
    ),
    row(1, 'Command buffer, COMPLETION_WAIT with store and interrupt', 'modelled'),
    row(1, 'Interrupt (0xFEE) and HyperTransport windows, IoCtl, SysMgt', 'modelled'),
    optional(2, 'IOTLB by DomainID and PASID, exact ranges', caches.iotlbEntries > 0, 'option caches.iotlbEntries'),
    optional(2, 'Device table entry cache', caches.deviceEntries > 0, 'option caches.deviceEntries'),
    row(2, 'All events that requests and commands cause, with their fields', 'modelled'),
    row(2, 'Event log overflow, stop and restart; command buffer stop on errors', 'modelled'),
    optional(3, 'Guest (v2) tables under GCR3 tables of 1 to 3 levels', guest, 'EFR.GTSup, GATS, GLXSup, PASmax'),
    optional(3, 'Nested translation: guest tables on host tables', guest, 'EFR.GTSup'),
    optional(3, 'Accessed and dirty bits of host tables', capabilities.hostDirty, 'EFR.HASup, HDSup'),
    row(3, 'Device TLBs: translation requests, pre-translated requests, INVALIDATE_IOTLB_PAGES', 'modelled'),
    optional(3, 'PPR log with overflow, COMPLETE_PPR_REQUEST', capabilities.pageRequests, 'EFR.PPRSup'),
    row(3, 'SE and SA', 'modelled'),
    row(3, 'Exclusion range', 'modelled'),
    optional(3, 'Device table segments', capabilities.segmentBits > 0, 'EFR.DevTblSegSup'),
    optional(4, 'Entries that are not present are cached', caches.negative, 'options npCache and caches.negative'),
    row(4, 'Dirty bit in the walked replica only', 'modelled'),
    row(4, 'SE lasts until INVALIDATE_DEVTAB_ENTRY', 'modelled'),
    row(
      4,
      'Invalidation time-out: IOTLB_INV_TIMEOUT',
      'part',
      'any InvTimeOut but 0 is over at once: there is no time',
    ),
    optional(4, 'Torn device table entries', dteFetchBits < 256, `option dteFetchBits is ${dteFetchBits}`),
    optional(4, 'Page directories outlive PDE = 0', caches.directoryEntries > 0, 'option caches.directoryEntries'),
    optional(4, 'Automatic page responses', capabilities.automaticResponse, 'EFR.PPRAutoRspSup'),
    row(4, 'PREFETCH_IOMMU_PAGES', 'part', 'accepted; nothing is fetched'),
    row(
      4,
      'Interrupt remapping, GA log, AVIC',
      'absent',
      'ioasis is about DMA: INVALIDATE_INTERRUPT_TABLE is accepted',
    ),
    row(4, 'Dual event and PPR logs, early PPR overflow', 'absent', 'registers read 0'),
    row(4, 'SMI filter, MARC, performance counters (EVENT_COUNTER_ZERO)', 'absent', 'registers read 0'),
    row(4, 'SNP: RMP_PAGE_FAULT, RMP_HW_ERROR', 'absent', 'needs a reverse map table'),
    row(
      4,
      'Guest-virtual IOMMU (vIOMMU) and GCR3TRPMode',
      'absent',
      'GCR3 root pointers are system physical addresses',
    ),
  ];
}
