/** The driver of a device that reaches a program's memory by the CPU instead of through an IOMMU (a mediated device). */
export interface MediatedDevice {
  /** A mapping is about to go: whatever of it is pinned is to be unpinned before this returns. Bytes. */
  dmaUnmap(iova: bigint, size: bigint): void;
}
