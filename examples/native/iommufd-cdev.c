/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DMA through iommufd and a VFIO device file: bind, attach to an IOAS, map, copy one page to another with the edu device.
 * cc iommufd-cdev.c && ioasis run -- ./a.out
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include "edu.h"

/* Of linux/iommufd.h and linux/vfio.h, for systems whose headers are older. */
struct ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};
struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};
struct bind_iommufd {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};
struct attach_pt {
	uint32_t argsz, flags, pt_id;
};
#define IOAS_ALLOC _IO(';', 0x81)
#define IOAS_MAP _IO(';', 0x85)
#define BIND_IOMMUFD _IO(';', 100 + 18)
#define ATTACH_PT _IO(';', 100 + 19)

#define IOVA 0x200000
#define BYTES 4096

/* /dev/vfio/devices/vfioN, by the name that the kernel lists below the device. */
static const char *device_path(const char *address)
{
	static char path[300];
	char folder[128];
	struct dirent *entry;
	DIR *listing;

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s/vfio-dev", address);
	listing = opendir(folder);
	check(listing == NULL ? -1 : 0, folder);
	while ((entry = readdir(listing)) != NULL)
		if (strncmp(entry->d_name, "vfio", 4) == 0)
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
	closedir(listing);
	return path;
}

int main(int count, char **arguments)
{
	const char *path = device_path(count > 1 ? arguments[1] : "0000:00:01.0");
	unsigned char *memory = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	int device = open(path, O_RDWR | O_CLOEXEC);
	struct bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommufd};
	struct ioas_alloc alloc = {.size = sizeof(alloc)};

	check(iommufd, "/dev/iommu");
	check(device, path);
	check(ioctl(device, BIND_IOMMUFD, &bind), "VFIO_DEVICE_BIND_IOMMUFD");
	check(ioctl(iommufd, IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
	struct attach_pt attach = {.argsz = sizeof(attach), .pt_id = alloc.out_ioas_id};
	check(ioctl(device, ATTACH_PT, &attach), "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	struct ioas_map map = {.size = sizeof(map),
			       .flags = 7,
			       .ioas_id = alloc.out_ioas_id,
			       .user_va = (uintptr_t)memory,
			       .length = 2 * BYTES,
			       .iova = IOVA};
	check(ioctl(iommufd, IOAS_MAP, &map), "IOMMU_IOAS_MAP");

	for (int at = 0; at < BYTES; at++)
		memory[at] = (unsigned char)(at * 3 + 1);
	uint64_t bar = edu_start(device);
	edu_dma(device, bar, IOVA, BYTES, 0);
	edu_dma(device, bar, IOVA + BYTES, BYTES, 1);
	if (memcmp(memory, memory + BYTES, BYTES) != 0) {
		fprintf(stderr, "the device wrote other bytes than it read\n");
		return 1;
	}
	printf("%s: %d bytes by DMA\n", path, BYTES);
	return 0;
}
