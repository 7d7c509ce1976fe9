#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a shell sees, and a descriptor that is handed to another program: ioasis run -- sh look.sh
set -e
device=/sys/bus/pci/devices/0000:00:01.0
test -c /dev/vfio/vfio
test -c /dev/iommu
echo "$(basename "$(readlink $device/iommu_group)") $(cat $device/vendor) $(ls $device/vfio-dev)"
exec 5<>/dev/iommu
# VFIO_GET_API_VERSION by the descriptor that the shell opened.
python3 -c 'import fcntl; print("VFIO API version", fcntl.ioctl(5, 0x3b64))'
