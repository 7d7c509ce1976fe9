/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's own VFIO code on a device that no driver of it knows: the edu device copies one page of DPDK's memory to another.
 * cc -o dpdk-eal dpdk-eal.c $(pkg-config --cflags --libs libdpdk) && ioasis run -- ./dpdk-eal -a 0000:00:01.0 --no-huge -m 4 -l 0
 */
#define _GNU_SOURCE
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_vfio.h>
#include <string.h>
#include "edu.h"

#define ADDRESS "0000:00:01.0"
#define DEVICES "/sys/bus/pci/devices/"
#define IOVA 0x100000
#define BYTES 4096

int main(int count, char **arguments)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	const int container = RTE_VFIO_DEFAULT_CONTAINER_FD;
	unsigned char *memory;
	uint64_t bar;
	int device;

	check(rte_eal_init(count, arguments), "rte_eal_init");
	check(rte_vfio_setup_device(DEVICES, ADDRESS, &device, &info), "rte_vfio_setup_device");
	memory = rte_zmalloc("pages", 2 * BYTES, BYTES);
	check(memory == NULL ? -1 : 0, "rte_zmalloc");
	check(rte_vfio_container_dma_map(container, (uintptr_t)memory, IOVA, 2 * BYTES), "rte_vfio_container_dma_map");
	memset(memory, 0x5a, BYTES);
	bar = edu_start(device);
	edu_dma(device, bar, IOVA, BYTES, 0);
	edu_dma(device, bar, IOVA + BYTES, BYTES, 1);
	if (memcmp(memory, memory + BYTES, BYTES) != 0) {
		fprintf(stderr, "the device wrote other bytes than it read\n");
		return 1;
	}
	check(rte_vfio_container_dma_unmap(container, (uintptr_t)memory, IOVA, 2 * BYTES), "rte_vfio_container_dma_unmap");
	check(rte_vfio_release_device(DEVICES, ADDRESS, device), "rte_vfio_release_device");
	printf("%u regions, %d bytes by DMA with DPDK\n", info.num_regions, BYTES);
	return rte_eal_cleanup();
}
