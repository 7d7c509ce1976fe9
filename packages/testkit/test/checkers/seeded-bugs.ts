import type { BackendDefinition, CacheFill } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import type { StaleCause } from '../../src/index.js';
import { dropping, editing, waitingFirst } from './command-edits.js';
import type { FaultyMachine } from './faulty-machine.js';
import type { Vendor } from './machines.js';
import * as stories from './stories.js';

/** A mistake, and what the report must say about it. */
export interface SeededBug {
  readonly name: string;
  readonly vendors: readonly Vendor[];
  /** The unit runs commands when it is stepped, as the driver polls. */
  readonly stepped?: boolean;
  /** Units that the mistake needs, instead of the usual ones. */
  readonly backends?: Partial<Record<Vendor, BackendDefinition>>;
  /** Makes the mistake, and lets a device use what is stale. */
  readonly run: (rig: FaultyMachine) => void;
  readonly cause: StaleCause | Readonly<Record<Vendor, StaleCause>>;
  readonly cache: CacheFill['cache'];
  /** Part of the report that names the mistake. */
  readonly says: RegExp;
}

const ALL: readonly Vendor[] = ['intel-vtd', 'arm-smmuv3', 'amd-vi'];

/** Units with ATS. */
const withAts: Partial<Record<Vendor, BackendDefinition>> = {
  'intel-vtd': intelVtd({ preset: 'full' }),
  'arm-smmuv3': armSmmuv3({ preset: 'server' }),
  'amd-vi': amdVi({ preset: 'zen-server' }),
};

export const seededBugs: readonly SeededBug[] = [
  {
    name: 'forgotten invalidation',
    vendors: ALL,
    run: stories.unmapWith((rig) => rig.forgetTlb()),
    cause: 'missing',
    cache: 'iotlb',
    says: /cause {3}missing: no invalidation/,
  },
  {
    name: 'range too narrow',
    vendors: ALL,
    run: stories.unmapWith((rig) => rig.seed(editing(rig.edits.isTlb, rig.edits.narrower))),
    cause: 'other-range',
    cache: 'iotlb',
    says: /has nothing of \[0x4000\d000, 0x4000\dfff\]/,
  },
  {
    name: 'wrong domain or ASID',
    vendors: ALL,
    run: stories.unmapWith((rig) => rig.seed(editing(rig.edits.isTlb, rig.edits.otherTag))),
    cause: 'other-tag',
    cache: 'iotlb',
    says: /(?:domain|asid) \d+ is not \d+/,
  },
  {
    name: 'wait before the invalidation',
    // SMMUv3's driver waits until the queue is empty: no order of commands can hurry it.
    vendors: ['intel-vtd', 'amd-vi'],
    stepped: true,
    run(rig) {
      stories.unmapWith(() => rig.seed(waitingFirst(rig.edits.isWait)))(rig);
      rig.unit.step(64);
    },
    cause: 'late',
    cache: 'iotlb',
    says: /nothing waited for it[^]*came after the driver was done/,
  },
  {
    name: 'invalidation before the table write',
    vendors: ALL,
    run: stories.invalidateFirst,
    cause: 'before-write',
    cache: 'iotlb',
    says: /came before the write/,
  },
  {
    name: 'leaf hint although tables went',
    vendors: ALL,
    run: stories.unmapTable,
    cause: 'other-cache',
    cache: 'paging-structure',
    says: /not for paging-structure/,
  },
  {
    name: 'context entry, CD or DTE not invalidated',
    vendors: ALL,
    run: stories.moveWith((rig) => rig.seed(dropping(rig.edits.isStructure, rig.edits.nothing))),
    cause: 'missing',
    cache: 'structure',
    says: /entry {3}structure/,
  },
  {
    name: 'structure of another requester invalidated',
    vendors: ALL,
    run: stories.moveWith((rig) => rig.seed(editing(rig.edits.isStructure, rig.edits.otherRequester))),
    cause: 'other-tag',
    cache: 'structure',
    says: /(?:requester|stream) \d+ is not 8/,
  },
  {
    name: 'nobody waits for the invalidation',
    vendors: ['arm-smmuv3'],
    stepped: true,
    run: stories.unmapWithoutWaiting,
    cause: 'late',
    cache: 'iotlb',
    says: /nothing waited for it[^]*came after the driver was done/,
  },
  {
    name: 'device TLB forgotten',
    vendors: ALL,
    backends: withAts,
    run: stories.forgetDeviceTlb,
    cause: 'missing',
    cache: 'device-tlb',
    says: /entry {3}device-tlb [^]*not for device-tlb/,
  },
  {
    name: 'table reused while caches lead to it',
    vendors: ALL,
    run: stories.reuseTable,
    cause: 'missing',
    cache: 'paging-structure',
    says: /entry {3}paging-structure/,
  },
  {
    name: 'domain number or ASID reused without an invalidation',
    vendors: ALL,
    run: stories.reuseTag,
    cause: { 'intel-vtd': 'reused-tag', 'arm-smmuv3': 'missing', 'amd-vi': 'missing' },
    cache: 'iotlb',
    says: /reused-tag|missing/,
  },
  {
    name: 'no invalidation of a new mapping in caching mode',
    // An SMMU never caches what is not present.
    vendors: ['intel-vtd', 'amd-vi'],
    backends: { 'amd-vi': amdVi({ preset: 'zen-server', npCache: true }) },
    run: stories.mapAfterRefusal,
    cause: 'missing',
    cache: 'iotlb',
    says: /refused; the tables give 0x12300000/,
  },
  {
    name: 'wrong PASID',
    vendors: ['intel-vtd'],
    backends: { 'intel-vtd': intelVtd({ preset: 'full' }) },
    run: stories.detachPasid,
    cause: 'other-tag',
    cache: 'structure',
    says: /pasid 2 is not 3/,
  },
  {
    name: 'wrong PASID of guest tables',
    vendors: ['amd-vi'],
    backends: { 'amd-vi': amdVi({ preset: 'zen-server', pageTables: 'v2' }) },
    run: stories.unmapWith((rig) => rig.seed(editing(rig.edits.isTlb, rig.edits.otherPasid))),
    cause: 'other-tag',
    cache: 'iotlb',
    says: /pasid 1 is not 0/,
  },
  {
    name: 'wrong SSID of a context descriptor',
    vendors: ['arm-smmuv3'],
    run: stories.moveWith((rig) => rig.seed(editing(rig.edits.isStructure, rig.edits.otherPasid))),
    cause: 'other-tag',
    cache: 'structure',
    says: /ssid 1 is not 0/,
  },
  {
    name: 'nested parent unmapped without the translations on top',
    // The other drivers have no nested domains in Linux 6.12.
    vendors: ['intel-vtd'],
    backends: { 'intel-vtd': intelVtd({ preset: 'xeon-sapphire-rapids' }) },
    run: stories.unmapParent,
    cause: 'missing',
    cache: 'iotlb',
    says: /stage=1/,
  },
];
