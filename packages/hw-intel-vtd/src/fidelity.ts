import { fidelityRow as row, optionalFidelity as optional, type FidelityFeature } from '@ioasis/core';
import type { VtdConfiguration } from './options.js';
import type { Capabilities } from './unit/capabilities.js';

/** What of a VT-d unit a machine with this configuration has, and what is left out. */
export function vtdFidelity({ capabilities, caches, completion }: VtdConfiguration): FidelityFeature[] {
  const { scalable, pasidBits } = capabilities;
  return [
    row(1, 'Register file: write-only, write-1-to-clear and latched fields, relocated IVA, IOTLB and FRCD', 'modelled'),
    row(1, 'Legacy root and context entries, all translation types, reserved bits', 'modelled'),
    row(1, `Second-stage tables of ${levels(capabilities)} levels, 4K, 2M, 1G`, 'modelled', 'CAP.SAGAW, MGAW, SSLPS'),
    optional(1, 'Pass-through', capabilities.passThrough, 'ECAP.PT'),
    optional(1, 'Scalable-mode root, context, PASID directory and PASID entries', scalable, 'ECAP.SMTS'),
    optional(1, 'First-stage tables', scalable && capabilities.firstStage, 'ECAP.FSTS'),
    optional(1, 'First-stage tables of five levels', capabilities.firstStage5Level, 'CAP.FS5LP'),
    optional(1, 'Queued invalidation, 128 and 256 bit, wait, interrupt', capabilities.queuedInvalidation, 'ECAP.QI'),
    row(1, 'Register-based invalidation', 'modelled', 'up to major version 5, in legacy mode'),
    row(1, 'Interrupt address range', 'part', 'writes are delivered as they are'),
    optional(2, 'Context cache', caches.contextEntries > 0, 'option caches.contextEntries'),
    optional(2, 'IOTLB by domain and PASID, exact ranges', caches.iotlbEntries > 0, 'option caches.iotlbEntries'),
    row(2, `Fault recording: ${capabilities.faultRecords} records, FRI, PFO, FPD, collapsed by requester`, 'modelled'),
    row(2, 'Queue errors: IQE and IQERCD, stop and resume', 'modelled'),
    row(2, 'Every fault condition of DMA remapping', 'part', 'but those of host permission tables and of version 8'),
    optional(3, 'Requests with PASID', pasidBits > 0, 'ECAP.PASID, PSS'),
    optional(3, 'Nested translation', capabilities.nesting, 'ECAP.NEST'),
    optional(3, 'Accessed and dirty bits of the first stage', scalable && capabilities.firstStage, 'ECAP.FSTS'),
    optional(3, 'Extended accessed flag', scalable && capabilities.extendedAccessed, 'ECAP.EAFS'),
    optional(3, 'Accessed and dirty bits of the second stage', capabilities.secondStageDirty, 'ECAP.SSADS'),
    optional(3, 'Device TLBs: translation and translated requests, ITE, ICE', capabilities.deviceTlb, 'ECAP.DT'),
    optional(3, 'Page requests, overflow, responses, implicit invalidation', capabilities.pageRequests, 'ECAP.PRS'),
    optional(3, 'Not-present entries are cached', caches.negative, 'CAP.CM, option caches.negative'),
    optional(3, 'Protected memory', capabilities.protectedLowMemory, 'CAP.PLMR, PHMR'),
    optional(3, 'Abort-DMA mode', capabilities.abortDma, 'ECAP.ADMS'),
    row(3, 'Read and write draining', 'part', 'requests complete at once: nothing is ever in flight in the unit'),
    optional(4, 'Paging-structure caches with the IH hint', caches.pagingEntries > 0, 'option caches.pagingEntries'),
    optional(4, 'PASID cache', scalable && caches.pasidEntries > 0, 'option caches.pasidEntries'),
    row(4, 'Replacement', 'modelled', caches.seed === undefined ? 'round robin' : `pseudo-random, seed ${caches.seed}`),
    optional(4, 'Commands that wait for a step', completion === 'stepped', 'option completion'),
    row(4, 'Order of descriptors between waits', 'part', 'queue order, which is one of those allowed'),
    optional(4, 'Write buffer', capabilities.writeBufferFlush, 'CAP.RWBF'),
    optional(4, 'Walks that do not snoop', !isSnooped(capabilities), 'ECAP.C, SMPWCS'),
    optional(4, 'SRTP empties the caches', capabilities.rootPointerFlushes, 'CAP.ESRTPS'),
    row(4, 'Interrupt remapping and posting', 'absent', 'ioasis is about DMA: IRTA and IRE keep their bits'),
    row(4, 'Advanced fault log', 'absent', 'SFL and EAFL have no effect; specifications since 4.0 have no such log'),
    row(4, 'Memory types, no-snoop control', 'absent', 'stored in tables, without effect on data'),
    row(4, 'Host permission tables, translated requests with PASID', 'absent', 'refused with 0x49'),
    row(4, 'Performance monitoring, enhanced and virtual commands, MTRR registers', 'absent', 'registers read 0'),
  ];
}

const levels = (capabilities: Capabilities): string =>
  [3, 4, 5].filter((count) => capabilities.supportsLevels(count)).join(', ');

/** Walks of the modes that the unit has see the CPU's writes at once. */
const isSnooped = ({ coherent, scalable, scalableCoherent }: Capabilities): boolean =>
  coherent && (!scalable || scalableCoherent);
