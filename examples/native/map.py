#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Maps a buffer through the VFIO container with nothing but the standard library: ioasis run -- python3 map.py"""

import ctypes
import errno
import fcntl
import mmap
import os
import struct

VFIO_SET_IOMMU = 0x3B66
VFIO_GROUP_SET_CONTAINER = 0x3B68
VFIO_GROUP_GET_DEVICE_FD = 0x3B6A
VFIO_DEVICE_GET_REGION_INFO = 0x3B6C
VFIO_IOMMU_MAP_DMA = 0x3B71
VFIO_TYPE1V2_IOMMU = 3

ADDRESS = "0000:00:01.0"
IOVA = 0x10000
PAGE = 4096


def region_offset(device, index):
    info = fcntl.ioctl(device, VFIO_DEVICE_GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, index, 0, 0, 0))
    return struct.unpack("<IIIIQQ", info)[5]


def main():
    group_number = os.path.basename(os.readlink(f"/sys/bus/pci/devices/{ADDRESS}/iommu_group"))
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    group = os.open(f"/dev/vfio/{group_number}", os.O_RDWR)
    fcntl.ioctl(group, VFIO_GROUP_SET_CONTAINER, struct.pack("<i", container))
    fcntl.ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1V2_IOMMU)
    device = fcntl.ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bytearray(ADDRESS.encode() + b"\0"))

    memory = mmap.mmap(-1, 2 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    request = struct.pack("<IIQQQ", 32, 3, address, IOVA, 2 * PAGE)
    fcntl.ioctl(container, VFIO_IOMMU_MAP_DMA, request)
    try:
        fcntl.ioctl(container, VFIO_IOMMU_MAP_DMA, request)
    except OSError as error:
        assert error.errno == errno.EEXIST, error

    memory[:PAGE] = bytes(at % 251 for at in range(PAGE))
    config = region_offset(device, 7)
    os.pwrite(device, struct.pack("<H", 6), config + 4)
    bar = region_offset(device, 0)
    for source, destination, command in ((IOVA, 0x40000, 1), (0x40000, IOVA + PAGE, 3)):
        for register, value in ((0x80, source), (0x88, destination), (0x90, PAGE), (0x98, command)):
            os.pwrite(device, struct.pack("<Q", value), bar + register)
    assert memory[PAGE:] == memory[:PAGE], "the device wrote other bytes than it read"
    print(f"{PAGE} bytes by DMA in Python")


main()
