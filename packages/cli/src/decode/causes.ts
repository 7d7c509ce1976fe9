/** Name of a group of causes. */
export type CauseGroup =
  | 'notMapped'
  | 'right'
  | 'notAttached'
  | 'structure'
  | 'memory'
  | 'width'
  | 'pasid'
  | 'ats'
  | 'interrupt'
  | 'command'
  | 'device';

/** What usually is behind a fault, by what was found wrong. The likeliest comes first. */
export const CAUSES: Readonly<Record<CauseGroup, readonly string[]>> = {
  notMapped: [
    'the address was never mapped for this device, or in another IOAS than the one that it is attached to',
    'it was unmapped while the device was still using it',
    'the driver handed a physical address, or an address of another device, to this device',
  ],
  right: [
    'the mapping has the wrong direction: DMA_TO_DEVICE for a buffer that the device writes, or the reverse',
    'it was unmapped while the device was still using it: an entry of zeros refuses reading and writing alike',
    'the address was never mapped for this device',
  ],
  notAttached: [
    'no driver has attached the device: firmware or an earlier kernel (kexec, crash dump) left its DMA running',
    'the device uses the requester id of another function; it needs a DMA alias',
    'the device was reset or unplugged with DMA in flight',
  ],
  structure: [
    'a driver wrote a wrong entry, or memory of the tables was given to somebody else',
    'the entry uses a feature that this unit does not have',
  ],
  memory: ['a table pointer leads to where there is no memory: a wrong or stale pointer, or memory that was freed'],
  width: [
    'the address is wider than the tables: a DMA mask that is too large, or an IOVA outside of the aperture',
    'a corrupt address of the device',
  ],
  pasid: [
    'PASID is not enabled for this device in the IOMMU, or the PASID is larger than what was set up',
    'the process or the attachment behind this PASID is gone, and the device was not stopped before',
  ],
  ats: [
    'ATS is on in the device and off in the IOMMU: the two were switched in the wrong order',
    'a device that should not be trusted sends translated addresses',
  ],
  interrupt: [
    'a device writes an MSI that nobody set up, or reads from the interrupt range',
    'the driver masked or freed the interrupt before it stopped the device; a stale interrupt entry cache does the same',
  ],
  command: ['a driver bug: the command is not one that this unit knows, or has a reserved value'],
  device: [
    'the device does not answer: it hangs, is powered down or is gone',
    'its ATS was switched off without a wait',
  ],
};
