import { refusalTable, type RefusalTable } from '../errno/index.js';

/** Codes of this room. */
export type MachineCode = 'PLUG_ADDRESS_TAKEN' | 'PLUG_NOT_SERVED' | 'UNPLUG_ABSENT';

/** What plugging refuses. */
export const machineRefusals: RefusalTable<MachineCode> = refusalTable('composition', {
  PLUG_ADDRESS_TAKEN: { errno: 'EEXIST', rule: 'one device per PCI address', source: 'the PCI bus' },
  PLUG_NOT_SERVED: {
    errno: 'ENODEV',
    rule: 'the IOMMU driver accepts the device (iommu_probe_device)',
    source: 'IommuBackend.addDevice, whose errno is in the facts',
  },
  UNPLUG_ABSENT: { errno: 'ENODEV', rule: 'the device is plugged', source: 'Machine.unplug' },
});
