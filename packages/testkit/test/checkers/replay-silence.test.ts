import { isLeft } from 'fp-ts/lib/Either.js';
import { describe, expect, it } from 'vitest';
import { vfio } from '@ioasis/compat-vfio';
import { createMachine, type BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3 } from '@ioasis/hw-arm-smmuv3';
import { intelVtd } from '@ioasis/hw-intel-vtd';
import { checkers, EduDevice, readTrace, replayTrace, type Checkers, type EduOptions } from '../../src/index.js';
import { fixture } from '../fixtures.js';

interface Recorded {
  readonly backend: BackendDefinition;
  readonly device: EduOptions & { readonly address: string; readonly group: number };
}

const q35 = { group: 1, command: 0x0103, bar0: 0xfea0_0000 };
const machines: readonly (readonly [string, Recorded])[] = [
  [
    'iommufd-vtd-aw39',
    {
      backend: intelVtd({ preset: 'qemu-q35-39bit' }),
      device: { ...q35, address: '0000:00:01.0', interruptLine: 0x0a },
    },
  ],
  ['iommufd-amd', { backend: amdVi(), device: { ...q35, address: '0000:00:02.0', interruptLine: 0x0b } }],
  [
    'iommufd-smmuv3',
    {
      backend: armSmmuv3(),
      device: { address: '0000:00:01.0', group: 0, command: 2, bar0: 0x1000_0000, interruptLine: 0x11 },
    },
  ],
];

describe.each(machines)('the recording device/%s with all checkers on', (name, { backend, device }) => {
  it('agrees as without them, and they find no fault in kernel and driver', () => {
    const trace = readTrace(name, fixture(`traces/device/${name}.jsonl.gz`));
    if (isLeft(trace)) throw new Error(trace.left.reason);
    const all: Checkers[] = [];
    const report = replayTrace(trace.right, () => {
      const check = checkers();
      all.push(check);
      const { address, group, ...options } = device;
      return createMachine({
        backend,
        services: [vfio({ personality: 'iommufd' }), check],
        devices: [{ function: new EduDevice(options), address, group }],
      });
    });
    expect(report.divergences).toEqual([]);
    // The recorded program asks on purpose whether an unmapped page can still be reached.
    const findings = all.flatMap((check) => check.findings);
    expect(new Set(findings.map(({ checker }) => checker))).toEqual(new Set(['use-after-unmap']));
  });
});
