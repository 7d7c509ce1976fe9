/* SPDX-License-Identifier: Apache-2.0 */
/* Maps a buffer through /dev/iommu and unmaps it. Nothing in it knows of ioasis: cc hello-iommufd.c && ioasis run -- ./a.out */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Of linux/iommufd.h, for systems whose headers are older. */
struct ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};
struct ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};
struct ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};
#define IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define IOMMU_IOAS_MAP _IO(';', 0x85)
#define IOMMU_IOAS_UNMAP _IO(';', 0x86)

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

int main(void)
{
	void *buffer = aligned_alloc(4096, 0x4000);
	struct ioas_alloc alloc = {.size = sizeof(alloc)};
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	check(fd, "/dev/iommu");
	check(ioctl(fd, IOMMU_IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
	struct ioas_map map = {.size = sizeof(map),
			       .flags = 7, /* fixed IOVA, writable, readable */
			       .ioas_id = alloc.out_ioas_id,
			       .user_va = (uintptr_t)buffer,
			       .length = 0x4000,
			       .iova = 0x100000};
	check(ioctl(fd, IOMMU_IOAS_MAP, &map), "IOMMU_IOAS_MAP");
	struct ioas_unmap unmap = {.size = sizeof(unmap), .ioas_id = alloc.out_ioas_id, .iova = 0x100000, .length = 0x4000};
	check(ioctl(fd, IOMMU_IOAS_UNMAP, &unmap), "IOMMU_IOAS_UNMAP");
	printf("fd %d, ioas %u, unmapped %#llx bytes\n", fd, alloc.out_ioas_id, (unsigned long long)unmap.length);
	return close(fd);
}
