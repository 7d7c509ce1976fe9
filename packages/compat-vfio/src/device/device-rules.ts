import type { RefusalRule } from '@ioasis/core';

/** Codes of {@link deviceRules}. */
export type DeviceRefusalCode =
  | 'DEVICE_NOT_OPEN'
  | 'DEVICE_BIND_ARGUMENT'
  | 'DEVICE_BIND_ON_GROUP_FD'
  | 'DEVICE_BIND_GROUP_OPEN'
  | 'DEVICE_BIND_TWICE'
  | 'DEVICE_BIND_BADF'
  | 'DEVICE_BIND_KIND'
  | 'DEVICE_OPENED_ELSEWHERE'
  | 'DEVICE_PT_FLAGS'
  | 'DEVICE_REGION_INDEX'
  | 'DEVICE_IRQ_INDEX'
  | 'DEVICE_IRQ_SET_HEADER'
  | 'DEVICE_IRQ_SET_RANGE'
  | 'DEVICE_IRQ_SET_DATA'
  | 'DEVICE_IRQ_ACTION'
  | 'DEVICE_IRQ_STATE'
  | 'DEVICE_IRQ_EVENTFD_BADF'
  | 'DEVICE_IRQ_EVENTFD_KIND'
  | 'DEVICE_IRQ_MASK_EVENTFD'
  | 'DEVICE_NO_RESET'
  | 'DEVICE_NO_BUS_RESET'
  | 'DEVICE_HOT_RESET_SPACE'
  | 'DEVICE_HOT_RESET_ARGUMENT'
  | 'DEVICE_HOT_RESET_COUNT'
  | 'DEVICE_HOT_RESET_BADF'
  | 'DEVICE_HOT_RESET_KIND'
  | 'DEVICE_HOT_RESET_NOT_OWNED'
  | 'DEVICE_FEATURE_FLAGS'
  | 'DEVICE_FEATURE_UNKNOWN'
  | 'DEVICE_ASLEEP'
  | 'DEVICE_REGION_OFFSET'
  | 'DEVICE_REGION_READ_ONLY'
  | 'DEVICE_CONFIG_RANGE'
  | 'DEVICE_MEMORY_DISABLED'
  | 'DEVICE_MMAP_REGION'
  | 'DEVICE_MMAP_RANGE'
  | 'DEVICE_UNPLUG_OPEN'
  | 'EVENTFD_LENGTH'
  | 'EVENTFD_EMPTY'
  | 'EVENTFD_FULL';

/** What device files, their interrupts and eventfds refuse. */
export const deviceRules: Readonly<Record<DeviceRefusalCode, RefusalRule>> = {
  DEVICE_NOT_OPEN: {
    errno: 'EINVAL',
    rule: 'a device file gives access only after VFIO_DEVICE_BIND_IOMMUFD',
    source: 'vfio_main.c vfio_device_fops_unl_ioctl; recordings: dev/cdev/bind-attach',
    hint: 'VFIO_DEVICE_BIND_IOMMUFD first',
  },
  DEVICE_BIND_ARGUMENT: {
    errno: 'EINVAL',
    rule: 'BIND_IOMMUFD takes flags 0 and a descriptor that is not negative',
    source: 'device_cdev.c vfio_df_ioctl_bind_iommufd',
  },
  DEVICE_BIND_ON_GROUP_FD: {
    errno: 'EINVAL',
    rule: 'a device that was opened through its group is bound already by the container',
    source: 'device_cdev.c vfio_df_ioctl_bind_iommufd',
  },
  DEVICE_BIND_GROUP_OPEN: {
    errno: 'EBUSY',
    rule: 'a device cannot be bound through its own file while its group is open',
    source: 'group.c vfio_device_block_group',
    hint: 'close /dev/vfio/GROUP',
  },
  DEVICE_BIND_TWICE: {
    errno: 'EINVAL',
    rule: 'the descriptor is bound already',
    source: 'device_cdev.c vfio_df_ioctl_bind_iommufd',
  },
  DEVICE_BIND_BADF: {
    errno: 'EBADF',
    rule: 'the iommufd descriptor is not open',
    source: 'iommufd main.c iommufd_ctx_from_fd',
  },
  DEVICE_BIND_KIND: {
    errno: 'EBADFD',
    rule: 'the descriptor is not an iommufd',
    source: 'iommufd main.c iommufd_ctx_from_fd; recordings: dev/cdev/bind-attach',
  },
  DEVICE_OPENED_ELSEWHERE: {
    errno: 'EINVAL',
    rule: 'a device file binds only when the device is open nowhere else',
    source: 'vfio_main.c vfio_df_open',
  },
  DEVICE_PT_FLAGS: {
    errno: 'EINVAL',
    rule: 'flags must be 0',
    source: 'device_cdev.c vfio_df_ioctl_attach_pt, vfio_df_ioctl_detach_pt',
  },
  DEVICE_REGION_INDEX: {
    errno: 'EINVAL',
    rule: 'vfio-pci has the regions 0 to 8, and 8 (VGA) only on a VGA device',
    source: 'vfio_pci_core.c vfio_pci_ioctl_get_region_info',
  },
  DEVICE_IRQ_INDEX: {
    errno: 'EINVAL',
    rule: 'vfio-pci has the interrupt indices 0 to 4, and 3 (ERR) only on PCI Express functions',
    source: 'vfio_pci_core.c vfio_pci_ioctl_get_irq_info; recordings: dev/group',
  },
  DEVICE_IRQ_SET_HEADER: {
    errno: 'EINVAL',
    rule: 'SET_IRQS takes a known index and known flags',
    source: 'vfio_main.c vfio_set_irqs_validate_and_prepare',
  },
  DEVICE_IRQ_SET_RANGE: {
    errno: 'EINVAL',
    rule: 'start and count must lie inside the interrupts of the index',
    source: 'vfio_main.c vfio_set_irqs_validate_and_prepare',
  },
  DEVICE_IRQ_SET_DATA: {
    errno: 'EINVAL',
    rule: 'exactly one data type, and argsz must hold its elements',
    source: 'vfio_main.c vfio_set_irqs_validate_and_prepare',
  },
  DEVICE_IRQ_ACTION: {
    errno: 'ENOTTY',
    rule: 'the interrupt index does not know this action',
    source: 'vfio_pci_intrs.c vfio_pci_set_irqs_ioctl',
  },
  DEVICE_IRQ_STATE: {
    errno: 'EINVAL',
    rule: 'only one kind of interrupt is enabled at a time, and only an enabled one can be masked or triggered',
    source: 'vfio_pci_intrs.c',
    hint: 'disable the other kind with DATA_NONE|ACTION_TRIGGER and count 0',
  },
  DEVICE_IRQ_EVENTFD_BADF: {
    errno: 'EBADF',
    rule: 'the eventfd descriptor is not open',
    source: 'eventfd_ctx_fdget',
  },
  DEVICE_IRQ_EVENTFD_KIND: {
    errno: 'EINVAL',
    rule: 'the descriptor is not an eventfd',
    source: 'eventfd_ctx_fdget',
  },
  DEVICE_IRQ_MASK_EVENTFD: {
    errno: 'ENOTTY',
    rule: 'masking INTx through an eventfd is not implemented',
    source: 'vfio_pci_intrs.c vfio_pci_set_intx_mask',
  },
  DEVICE_NO_RESET: {
    errno: 'EINVAL',
    rule: 'the function has no way to reset itself',
    source: 'vfio_pci_core.c vfio_pci_ioctl_reset; recordings: dev/group',
  },
  DEVICE_NO_BUS_RESET: {
    errno: 'ENODEV',
    rule: 'a root bus cannot be reset',
    source: 'vfio_pci_core.c vfio_pci_ioctl_get_pci_hot_reset_info',
  },
  DEVICE_HOT_RESET_SPACE: {
    errno: 'ENOSPC',
    rule: 'argsz must hold one entry for each function on the bus; count tells how many',
    source: 'vfio_pci_core.c vfio_pci_ioctl_get_pci_hot_reset_info',
  },
  DEVICE_HOT_RESET_ARGUMENT: {
    errno: 'EINVAL',
    rule: 'PCI_HOT_RESET takes flags 0; group descriptors if and only if the device was opened through a group',
    source: 'vfio_pci_core.c vfio_pci_ioctl_pci_hot_reset',
  },
  DEVICE_HOT_RESET_COUNT: {
    errno: 'EINVAL',
    rule: 'there are never more groups than functions on the bus',
    source: 'vfio_pci_core.c vfio_pci_ioctl_pci_hot_reset_groups',
  },
  DEVICE_HOT_RESET_BADF: {
    errno: 'EBADF',
    rule: 'a group descriptor is not open',
    source: 'vfio_pci_core.c vfio_pci_ioctl_pci_hot_reset_groups',
  },
  DEVICE_HOT_RESET_KIND: {
    errno: 'EINVAL',
    rule: 'a descriptor is not a VFIO group',
    source: 'vfio_pci_core.c vfio_pci_ioctl_pci_hot_reset_groups',
  },
  DEVICE_HOT_RESET_NOT_OWNED: {
    errno: 'EINVAL',
    rule: 'the caller must hold every function that the reset touches',
    source: 'vfio_pci_core.c vfio_pci_dev_set_hot_reset',
  },
  DEVICE_FEATURE_FLAGS: {
    errno: 'EINVAL',
    rule: 'unknown flags, or GET together with SET without PROBE',
    source: 'vfio_main.c vfio_ioctl_device_feature',
  },
  DEVICE_FEATURE_UNKNOWN: {
    errno: 'ENOTTY',
    rule: 'the device does not have this feature',
    source: 'vfio_main.c vfio_ioctl_device_feature, vfio_pci_core.c vfio_pci_core_ioctl_feature',
  },
  DEVICE_ASLEEP: {
    errno: 'EINVAL',
    rule: 'a function that sleeps cannot be put to sleep again',
    source: 'vfio_pci_core.c vfio_pci_runtime_pm_entry',
  },
  DEVICE_REGION_OFFSET: {
    errno: 'EINVAL',
    rule: 'the offset is in no region of the device or behind its end',
    source: 'vfio_pci_core.c vfio_pci_rw, vfio_pci_rdwr.c vfio_pci_bar_rw',
  },
  DEVICE_REGION_READ_ONLY: {
    errno: 'EINVAL',
    rule: 'the expansion ROM cannot be written',
    source: 'vfio_pci_core.c vfio_pci_rw',
  },
  DEVICE_CONFIG_RANGE: {
    errno: 'EFAULT',
    rule: 'an access to configuration space must stay inside it',
    source: 'vfio_pci_config.c vfio_config_do_rw',
  },
  DEVICE_MEMORY_DISABLED: {
    errno: 'EIO',
    rule: 'memory space is disabled in the command register',
    source: 'vfio_pci_rdwr.c vfio_pci_core_do_io_rw',
    hint: 'set bit 1 of the command register',
  },
  DEVICE_MMAP_REGION: {
    errno: 'EINVAL',
    rule: 'only memory BARs of at least a page can be mapped',
    source: 'vfio_pci_core.c vfio_pci_core_mmap',
  },
  DEVICE_MMAP_RANGE: {
    errno: 'EINVAL',
    rule: 'the mapping must lie inside the BAR',
    source: 'vfio_pci_core.c vfio_pci_core_mmap',
  },
  DEVICE_UNPLUG_OPEN: {
    errno: 'EBUSY',
    rule: 'a device that programs hold open stays; Linux asks them to close it and waits',
    source: 'vfio_main.c vfio_unregister_group_dev',
    hint: 'close the descriptors of the device',
  },
  EVENTFD_LENGTH: { errno: 'EINVAL', rule: 'an eventfd is read and written 8 bytes at a time', source: 'eventfd(2)' },
  EVENTFD_EMPTY: { errno: 'EAGAIN', rule: 'an eventfd has something to read after a signal', source: 'eventfd(2)' },
  EVENTFD_FULL: { errno: 'EAGAIN', rule: 'the counter stays below 2^64 - 1', source: 'eventfd(2)' },
};
