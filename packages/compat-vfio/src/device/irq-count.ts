import { PciIrqIndex } from '../abi/constants.js';
import type { PciAccess } from './pci-access.js';

/** Interrupts of an index; 0 also for indices that do not exist (`vfio_pci_get_irq_count`). */
export function irqCount(access: PciAccess, index: number): number {
  switch (index) {
    case PciIrqIndex.INTX:
      return access.vectorsOf('intx');
    case PciIrqIndex.MSI:
      return access.vectorsOf('msi');
    case PciIrqIndex.MSIX:
      return access.vectorsOf('msix');
    case PciIrqIndex.ERR:
      return access.express ? 1 : 0;
    case PciIrqIndex.REQ:
      return 1;
    default:
      return 0;
  }
}
