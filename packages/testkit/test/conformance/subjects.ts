import type { BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { mockBackend } from '../../src/index.js';

/** A backend as it is set up, and what it says it lacks. */
export interface Subject {
  readonly name: string;
  readonly definition: BackendDefinition;
  readonly gaps: readonly string[];
}

const NO_DIRTY = 'no dirty tracking (DeviceCapabilities.dirtyTracking)';
const NO_PASIDS = 'no PASIDs (DeviceCapabilities.maxPasidLog2)';
const NO_NESTING = 'no nesting (IommuBackend.allocNested, HwptFlag.NEST_PARENT)';
const ONE_SIZE = 'one page size (IommuDomain.pageSizes)';
const NO_CACHES = 'the unit keeps no translations (UnitCounters.iotlbHits)';
const VTD_READABLE = "write-only pages can be read: Linux's driver sets R in every second-stage leaf";
const ARM_READABLE = 'write-only pages can be read: AP[2:1] knows no page that can be written and not read';
const ARM_CUT =
  'a cut page stays in caches: Linux 6.12 names the level of the small pages in the range invalidation, which need not drop the large one';

/** Each vendor with what its options switch. The gaps are pinned here: none comes unseen. */
export const SUBJECTS: readonly Subject[] = [
  {
    name: 'VT-d, legacy mode with caching mode',
    definition: intelVtd({ preset: 'qemu-q35-48bit', cachingMode: true }),
    gaps: [VTD_READABLE, NO_DIRTY, NO_PASIDS, NO_NESTING],
  },
  {
    name: 'VT-d, scalable mode with everything',
    definition: intelVtd({ preset: 'full' }),
    gaps: [VTD_READABLE],
  },
  {
    name: 'VT-d, scalable mode without large pages and with walks that do not snoop',
    definition: intelVtd({ preset: 'full', pageSizes: [], coherent: false }),
    gaps: [VTD_READABLE, ONE_SIZE, NO_DIRTY],
  },
  {
    name: 'VT-d, legacy mode, 39 bits, not coherent, with a write buffer',
    definition: intelVtd({ preset: 'qemu-q35-39bit', cachingMode: false, coherent: false, writeBufferFlush: true }),
    gaps: [VTD_READABLE, NO_DIRTY, NO_PASIDS, NO_NESTING],
  },
  {
    name: "SMMUv3, QEMU's",
    definition: armSmmuv3({ preset: 'qemu-virt-7.2' }),
    gaps: [ARM_READABLE, ARM_CUT, NO_DIRTY, NO_PASIDS, NO_NESTING],
  },
  {
    name: 'SMMUv3, server',
    definition: armSmmuv3({ preset: 'server' }),
    gaps: [
      ARM_READABLE,
      ARM_CUT,
      'cleaned pages stay in caches: Linux 6.12 invalidates nothing when it cleans pages',
      'tracking has no switch: the hardware tracks from the start, and Linux 6.12 has no switch',
      NO_PASIDS,
      NO_NESTING,
    ],
  },
  {
    name: 'SMMUv3, server, domains of stage 2',
    definition: armSmmuv3({ preset: 'server', domainStage: 2 }),
    gaps: [ARM_CUT, NO_DIRTY, NO_PASIDS, NO_NESTING],
  },
  {
    name: "AMD-Vi, QEMU's",
    definition: amdVi({ preset: 'qemu-q35-7.2' }),
    gaps: [NO_DIRTY, NO_PASIDS, NO_NESTING],
  },
  {
    name: 'AMD-Vi, server, below a hypervisor',
    definition: amdVi({ preset: 'zen-server', npCache: true }),
    gaps: [NO_PASIDS, NO_NESTING],
  },
  {
    name: 'AMD-Vi, server, guest tables',
    definition: amdVi({ preset: 'zen-server', pageTables: 'v2' }),
    gaps: [
      'write-only pages can be read: a present entry of guest (v2) tables can be read: the format has no bit against it',
      NO_DIRTY,
      NO_PASIDS,
      NO_NESTING,
    ],
  },
  {
    name: "the kernel's mock",
    definition: mockBackend(),
    gaps: [
      'rights are not kept: the mock notes where pages are, not what they allow',
      ONE_SIZE,
      'holes are not seen: the mock takes it for an error of its user (WARN) and goes on',
      NO_CACHES,
      NO_PASIDS,
      'no hardware behind it (TranslationUnit.mmioBytes)',
    ],
  },
];
