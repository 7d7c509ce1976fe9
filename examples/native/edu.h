/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's educational device (docs/specs/edu.rst): a buffer of 4096 bytes that DMA fills and empties. Driven through VFIO's region 0. */
#ifndef EDU_H
#define EDU_H

#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EDU_BUFFER 0x40000
#define EDU_TO_MEMORY 2

static void check(long result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

static void edu_write(int device, uint64_t bar, uint64_t at, uint64_t value)
{
	check(pwrite(device, &value, 8, (off_t)(bar + at)) == 8 ? 0 : -1, "register");
}

/* Moves `count` bytes between IOVA and the device's buffer; done when it returns, or after the busy bit is gone. */
static void edu_dma(int device, uint64_t bar, uint64_t iova, uint64_t count, int to_memory)
{
	uint64_t command = 1;

	edu_write(device, bar, 0x80, to_memory ? EDU_BUFFER : iova);
	edu_write(device, bar, 0x88, to_memory ? iova : EDU_BUFFER);
	edu_write(device, bar, 0x90, count);
	edu_write(device, bar, 0x98, 1 | (to_memory ? EDU_TO_MEMORY : 0));
	while (command & 1)
		check(pread(device, &command, 8, (off_t)(bar + 0x98)), "register");
}

/* Sets the bus master bit and returns where region 0 begins in the device's file. */
static uint64_t edu_start(int device)
{
	struct vfio_region_info config = {.argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX};
	struct vfio_region_info bar = {.argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX};
	uint16_t command;

	check(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config), "VFIO_DEVICE_GET_REGION_INFO");
	check(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar), "VFIO_DEVICE_GET_REGION_INFO");
	check(pread(device, &command, 2, (off_t)config.offset + 4), "command register");
	command |= 4 | 2;
	check(pwrite(device, &command, 2, (off_t)config.offset + 4), "command register");
	return bar.offset;
}

#endif
