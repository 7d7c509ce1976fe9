import { hi32, join64, lo32, type BackendDefinition } from '@ioasis/core';
import { amdVi } from '@ioasis/hw-amd-vi';
import { armSmmuv3, SMMU_V3_PRESETS } from '@ioasis/hw-arm-smmuv3';
import { intelVtd, VTD_PRESETS } from '@ioasis/hw-intel-vtd';
import { AtsDevice, createTestMachine, enableFeatures, type TestMachine } from '../../src/index.js';

/** The structure and bit that let a device use ATS: VT-d context entry TT = 01, STE.EATS = 01 (full), DTE.I. */
const enables: Readonly<Record<string, { readonly structure: string; readonly bit: number }>> = {
  'intel-vtd': { structure: 'context entry', bit: 2 },
  'arm-smmuv3': { structure: 'STE', bit: 92 },
  'amd-vi': { structure: 'DTE', bit: 96 },
};

/** An SMMU with ATS: IDR0.ATS. */
const SMMU_WITH_ATS = { idr0: SMMU_V3_PRESETS['qemu-virt-7.2'].idr0 | (1 << 10) } as const;

/** Units that have ATS: ECAP.DT for VT-d; AMD's always has it. */
export const atsVendors: readonly BackendDefinition[] = [
  intelVtd({ ecap: VTD_PRESETS['qemu-q35-48bit'].ecap | (1n << 2n) }),
  armSmmuv3(SMMU_WITH_ATS),
  amdVi(),
];

/** A machine with an ATS device. Linux's drivers here leave ATS off: the test sets the bit that allows it, before the unit has read it. */
export function atsMachine(backend: BackendDefinition): TestMachine<AtsDevice> {
  const pc = createTestMachine({ backend, device: new AtsDevice() });
  enableFeatures(pc.device.config, { ats: true });
  const { structure, bit } = enables[backend.id]!;
  const step = pc.unit.explain(pc.requesterId, -1, 0n, 1).steps.find(({ what }) => what === structure);
  if (step === undefined) throw new Error(`${backend.id} has no ${structure}`);
  const address = step.address + BigInt(Math.floor(bit / 64) * 8);
  const { memory } = pc.machine;
  memory.load64(hi32(address), lo32(address));
  const word = join64(memory.loadedHi, memory.loadedLo) | (1n << BigInt(bit % 64));
  memory.store64(hi32(address), lo32(address), hi32(word), lo32(word));
  return pc;
}
