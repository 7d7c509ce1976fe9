import type { BackendDefinition, IommuBackend } from '@ioasis/core';
import { AmdViBackend, amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3, SmmuV3Backend } from '@ioasis/hw-arm-smmuv3';
import { intelVtd, VtdBackend } from '@ioasis/hw-intel-vtd';

/** An IOMMU that the demo can be told of. */
export interface Protagonist {
  readonly title: string;
  readonly make: () => BackendDefinition;
  /** The latest fault as Linux would log it; empty: there is none. */
  readonly lastFault: (backend: IommuBackend) => readonly string[];
  /** What the vendor calls what its queue is filled with. */
  readonly commands: string;
  /** The recording of a kernel on a machine with this IOMMU, by its name in a checkout. */
  readonly recording: string;
}

/** Of each vendor, by the id of its backend, the machine that its recording was made on. */
export const protagonists: Readonly<Record<string, Protagonist>> = {
  'intel-vtd': {
    title: 'Intel VT-d',
    make: () => intelVtd({ preset: 'qemu-q35-39bit' }),
    lastFault(backend) {
      const fault = backend instanceof VtdBackend ? backend.faults.at(-1) : undefined;
      return fault === undefined ? [] : [fault.line];
    },
    commands: 'invalidation descriptors',
    recording: 'fixtures/traces/device/iommufd-vtd-aw39.jsonl.gz',
  },
  'arm-smmuv3': {
    title: 'an Arm SMMUv3',
    make: () => armSmmuv3({ preset: 'qemu-virt-7.2' }),
    lastFault(backend) {
      const event = backend instanceof SmmuV3Backend ? backend.events.at(-1) : undefined;
      return (event?.lines ?? []).map((line) => `arm-smmu-v3: ${line.trim()}`);
    },
    commands: 'commands',
    recording: 'fixtures/traces/device/iommufd-smmuv3.jsonl.gz',
  },
  'amd-vi': {
    title: 'AMD-Vi',
    make: () => amdVi({ preset: 'qemu-q35-7.2' }),
    lastFault(backend) {
      const event = backend instanceof AmdViBackend ? backend.events.at(-1) : undefined;
      return event === undefined ? [] : [event.line];
    },
    commands: 'commands',
    recording: 'fixtures/traces/device/iommufd-amd.jsonl.gz',
  },
};
