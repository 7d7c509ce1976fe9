import { fidelityRow as row, optionalFidelity as optional, type FidelityFeature } from '@ioasis/core';
import type { SmmuV3Configuration } from './options.js';
import type { Capabilities } from './unit/capabilities.js';

/** What of an SMMUv3 a machine with this configuration has, and what is left out (IHI 0070, DDI 0487). */
export function smmuV3Fidelity({ capabilities, caches, completion, busBits }: SmmuV3Configuration): FidelityFeature[] {
  const nests = capabilities.stage1 && capabilities.stage2;
  const isWide = capabilities.outputBits === 52;
  return [
    row(1, 'Registers of pages 0 and 1, CR0 and IRQ_CTRL acknowledgement, GBPA, GERROR handshake', 'modelled'),
    optional(1, 'Two-level stream tables', capabilities.streamTable2Level, 'IDR0.ST_LEVEL; linear ones always'),
    row(1, 'Stream table entries: every Config, every illegal combination', 'modelled'),
    optional(1, `Stage 1 tables, both regions: ${granules(capabilities)}`, capabilities.stage1, 'IDR0.S1P, IDR5.GRAN*'),
    optional(1, `Stage 2 tables, concatenated roots: ${granules(capabilities)}`, capabilities.stage2, 'IDR0.S2P'),
    row(1, 'Blocks, AP, APTable, HAD, XN, PXN, WXN, UWXN, S2AP, AF, TBI', 'modelled'),
    row(1, 'Command queue with CMD_SYNC by polling, wire, message and event', 'modelled'),
    row(
      2,
      'Range invalidation: SCALE, NUM, TG, TTL',
      capabilities.rangeInvalidation ? 'modelled' : 'absent',
      'IDR3.RIL',
    ),
    optional(
      2,
      'TLB by world, VMID, ASID, granule and level; global entries',
      caches.tlbEntries > 0,
      'option caches.tlbEntries',
    ),
    optional(2, 'STE cache', caches.streamEntries > 0, 'option caches.streamEntries'),
    optional(2, 'CD cache', caches.contextEntries > 0, 'option caches.contextEntries'),
    row(2, 'Every event that requests can cause, with its fields', 'modelled'),
    row(2, 'Command errors ILL, ABT, ATC_INV_SYNC; stop and restart', 'modelled'),
    row(2, 'Event queue overflow and its acknowledgement, queue and message aborts', 'modelled'),
    optional(
      3,
      `Substreams of ${capabilities.substreamBits} bits, S1DSS`,
      capabilities.substreamBits > 0,
      'IDR1.SSIDSIZE',
    ),
    optional(3, 'Two-level context tables', capabilities.substreamBits > 0 && capabilities.cd2Level, 'IDR0.CD2L'),
    optional(3, 'Nested translation; faults of class CD, TTD and IN with their IPA', nests, 'IDR0.S1P, S2P'),
    optional(3, 'Hardware accessed flag', capabilities.accessedFlag, 'IDR0.HTTU >= 1'),
    optional(3, 'Hardware dirty state', capabilities.dirtyState, 'IDR0.HTTU = 2'),
    optional(3, 'Stall model: tags, RESUME, STALL_TERM', capabilities.canStall, 'IDR0.STALL_MODEL, IDR5.STALL_MAX'),
    optional(3, 'ATS: translation and translated requests, CMD_ATC_INV', capabilities.ats, 'IDR0.ATS'),
    optional(3, 'Split-stage ATS', capabilities.ats && nests && capabilities.splitAts, 'IDR0.NS1ATS'),
    optional(3, 'PRI queue, overflow, automatic responses, CMD_PRI_RESP', capabilities.pri, 'IDR0.PRI'),
    optional(3, 'Interrupts by message', capabilities.msi, 'IDR0.MSI; wires always'),
    optional(3, 'EL2 streams', capabilities.hyp, 'IDR0.HYP; with CR2.E2H those of a host'),
    optional(3, 'Addresses of 52 bits, 64K granule', isWide, 'IDR5.OAS, VAX'),
    optional(4, 'Walk caches and the leaf hint', caches.walkEntries > 0, 'option caches.walkEntries'),
    row(4, 'Entries torn between 64-bit reads', 'modelled', 'StructureReader.betweenReads'),
    optional(4, 'F_TLB_CONFLICT where break-before-make is violated', capabilities.reportsConflicts, 'IDR3.BBML = 0'),
    row(4, 'Contiguous runs are one entry, also where software marked them wrongly', 'modelled'),
    row(4, 'A wrong TTL removes nothing; TLBI_S2_IPA leaves combined entries', 'modelled'),
    row(4, 'Replacement', 'modelled', caches.seed === undefined ? 'round robin' : `pseudo-random, seed ${caches.seed}`),
    optional(4, 'Commands that wait for a step', completion === 'stepped', 'option completion'),
    optional(4, 'Walks that do not snoop', !capabilities.coherent, 'IDR0.COHACC'),
    optional(4, 'A bus narrower than the addresses', busBits < 64, `option busBits is ${busBits}`),
    row(4, 'CFGI Leaf', 'part', 'level 1 descriptors are never cached, so that it changes nothing'),
    row(4, 'Merged events (MEV)', 'part', 'never merged, which is allowed'),
    row(4, 'RAZ/WI for refused requests (CD.A = 0)', 'absent', 'a refused request is refused'),
    row(4, 'PRIVCFG, INSTCFG', 'absent', 'IDR1.ATTR_PERMS_OVR is 0 in every preset'),
    row(4, 'Memory types and shareability', 'absent', 'stored in tables, without effect on data'),
    row(4, 'Secure and realm state, EL3, VMS, MPAM', 'absent', 'non-secure streams only'),
    row(4, 'Software translation (GATOS, VATOS), performance monitors', 'absent', 'registers read 0'),
    row(4, 'Broadcast TLB maintenance', 'absent', 'no processor sends any'),
    row(4, 'Big-endian and AArch32 tables', 'absent', 'C_BAD_STE, C_BAD_CD'),
  ];
}

const granules = (capabilities: Capabilities): string =>
  [12, 14, 16]
    .filter((shift) => capabilities.supportsGranule(shift))
    .map((shift) => `${2 ** (shift - 10)}K`)
    .join(', ');
