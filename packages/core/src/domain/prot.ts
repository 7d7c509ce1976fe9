/** Permission and attribute bits of a mapping (Linux: `IOMMU_READ` ...). */
export const Prot = {
  READ: 1,
  WRITE: 2,
  CACHE: 4,
  NOEXEC: 8,
  MMIO: 16,
  PRIV: 32,
} as const;
