/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DMA through the classic VFIO container: the edu device copies one page to another. An ordinary VFIO program:
 * cc vfio-type1.c && ioasis run -- ./a.out 0000:00:01.0
 */
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include "edu.h"

#define IOVA 0x100000
#define BYTES 4096

/* The group's number, from the link that the kernel makes for each device. */
static const char *group_path(const char *address)
{
	static char path[64];
	char link[128], target[256];
	ssize_t length;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group", address);
	length = readlink(link, target, sizeof(target) - 1);
	check(length, link);
	target[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	return path;
}

/* Asks for an interrupt and for its delivery to an eventfd. */
static int connect_interrupt(int device)
{
	int event = eventfd(0, EFD_NONBLOCK);
	char bytes[sizeof(struct vfio_irq_set) + sizeof(int)] = {0};
	struct vfio_irq_set *set = (struct vfio_irq_set *)bytes;

	check(event, "eventfd");
	set->argsz = sizeof(bytes);
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_INTX_IRQ_INDEX;
	set->count = 1;
	memcpy(set->data, &event, sizeof(event));
	check(ioctl(device, VFIO_DEVICE_SET_IRQS, set), "VFIO_DEVICE_SET_IRQS");
	return event;
}

int main(int count, char **arguments)
{
	const char *address = count > 1 ? arguments[1] : "0000:00:01.0";
	unsigned char *memory = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = open(group_path(address), O_RDWR | O_CLOEXEC);
	uint64_t signals = 0;
	int device, event;

	check(container, "/dev/vfio/vfio");
	check(group, "group");
	check(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "VFIO_GROUP_SET_CONTAINER");
	check(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "VFIO_SET_IOMMU");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
	check(device, "VFIO_GROUP_GET_DEVICE_FD");

	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
					       .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
					       .vaddr = (uintptr_t)memory,
					       .iova = IOVA,
					       .size = 2 * BYTES};
	check(ioctl(container, VFIO_IOMMU_MAP_DMA, &map), "VFIO_IOMMU_MAP_DMA");

	for (int at = 0; at < BYTES; at++)
		memory[at] = (unsigned char)(at * 7);
	event = connect_interrupt(device);
	uint64_t bar = edu_start(device);
	edu_dma(device, bar, IOVA, BYTES, 0);
	edu_dma(device, bar, IOVA + BYTES, BYTES, 1);
	if (memcmp(memory, memory + BYTES, BYTES) != 0) {
		fprintf(stderr, "the device wrote other bytes than it read\n");
		return 1;
	}

	uint32_t raise = 1;
	check(pwrite(device, &raise, 4, (off_t)bar + 0x60), "interrupt raise register");
	check(read(event, &signals, sizeof(signals)), "eventfd");

	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap), .iova = IOVA, .size = 2 * BYTES};
	check(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap), "VFIO_IOMMU_UNMAP_DMA");
	memset(memory + BYTES, 0, BYTES);
	edu_dma(device, bar, IOVA + BYTES, BYTES, 1);
	printf("%s: %d bytes by DMA, %llu interrupt, %s after unmap\n", address, BYTES, (unsigned long long)signals,
	       memory[BYTES + 1] == 0 ? "nothing" : "something");
	return 0;
}
