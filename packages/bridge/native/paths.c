/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths belong to the model: its device files, and the entries of /sys and /dev by which programs find them. */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *ioasis_folder(void)
{
	static const char *folder;
	if (folder == NULL)
		folder = getenv("IOASIS_FOLDER");
	return folder;
}

/* Paths that are looked up in the run's folder, with everything below. */
static const char *const shadows[] = {
	"/dev/iommu",
	"/dev/vfio",
	"/sys/bus/pci/devices",
	"/sys/bus/pci/drivers/vfio-pci",
	"/sys/class/vfio",
	"/sys/class/vfio-dev",
	"/sys/devices/pci0000:00",
	"/sys/devices/virtual/vfio",
	"/sys/kernel/debug",
	"/sys/kernel/iommu_groups",
	"/sys/module/vfio",
	"/sys/module/vfio_iommu_type1",
	"/sys/module/vfio_pci",
};

static bool is_below(const char *path, const char *top)
{
	size_t length = strlen(top);
	return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_shadowed(const char *path)
{
	for (size_t at = 0; at < sizeof(shadows) / sizeof(shadows[0]); at++)
		if (is_below(path, shadows[at]))
			return true;
	return false;
}

/* Where a descriptor of a folder leads to, without the run's folder in front. */
static bool folder_name(int fd, char *name, size_t bytes)
{
	char link[64];
	char target[IOASIS_PATH_BYTES];
	const char *visible = target;
	ssize_t length;
	size_t prefix = strlen(ioasis_folder());

	snprintf(link, sizeof(link), fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
	length = syscall(SYS_readlinkat, AT_FDCWD, link, target, sizeof(target) - 1);
	if (length <= 0)
		return false;
	target[length] = '\0';
	if (strncmp(target, ioasis_folder(), prefix) == 0 && is_below(target + prefix, "/tree"))
		visible = target + prefix + strlen("/tree");
	return snprintf(name, bytes, "%s", visible) < (int)bytes;
}

/* Whether a relative path could be ours at all: most are not, and a look at the folder costs a system call. */
static bool may_be_ours(const char *path)
{
	return strstr(path, "vfio") != NULL || strstr(path, "fail") != NULL || strstr(path, "iommu") != NULL || strstr(path, "pci") != NULL ||
	       strchr(path, ':') != NULL || (path[0] >= '0' && path[0] <= '9') || strncmp(path, "dev", 3) == 0;
}

/* The absolute path without "//", "." and "..", as far as that can be said without following links. */
static bool absolute(int folder_fd, const char *path, char *out, size_t bytes)
{
	char joined[IOASIS_PATH_BYTES];
	size_t length = 0;
	const char *at = joined;
	int written;

	if (path[0] == '/') {
		written = snprintf(joined, sizeof(joined), "%s", path);
	} else {
		char folder[IOASIS_PATH_BYTES / 2];
		if (!may_be_ours(path) || !folder_name(folder_fd, folder, sizeof(folder)))
			return false;
		written = snprintf(joined, sizeof(joined), "%s/%s", folder, path);
	}
	if (written < 0 || written >= (int)sizeof(joined) || (size_t)written >= bytes)
		return false;
	while (*at != '\0') {
		size_t part = strcspn(at, "/");
		if (part == 2 && at[0] == '.' && at[1] == '.') {
			while (length > 0 && out[--length] != '/')
				;
		} else if (part > 0 && !(part == 1 && at[0] == '.')) {
			out[length++] = '/';
			memcpy(out + length, at, part);
			length += part;
		}
		at += part + (at[part] == '/');
	}
	out[length] = '\0';
	return true;
}

/* A file of the kernel's fault injection, which the server has for its threads. */
static bool is_fail_nth(const char *path)
{
	static const char name[] = "/fail-nth";
	size_t length = strlen(path);
	return is_below(path, "/proc") && length > sizeof(name) && strcmp(path + length - sizeof(name) + 1, name) == 0;
}

bool ioasis_device_path(int folder_fd, const char *path, char *canonical, size_t bytes)
{
	int before = errno;
	bool ours;

	if (path == NULL || ioasis_folder() == NULL)
		return false;
	ours = absolute(folder_fd, path, canonical, bytes) &&
	       (strcmp(canonical, "/dev/iommu") == 0 || is_fail_nth(canonical) ||
		(is_below(canonical, "/dev/vfio") && strcmp(canonical, "/dev/vfio") != 0 &&
		 strcmp(canonical, "/dev/vfio/devices") != 0));
	errno = before;
	return ours;
}

const char *ioasis_shadow_path(int folder_fd, const char *path, char *buffer, size_t bytes)
{
	char canonical[IOASIS_PATH_BYTES];
	int before = errno;
	bool ours = path != NULL && ioasis_folder() != NULL && absolute(folder_fd, path, canonical, sizeof(canonical)) &&
		    is_shadowed(canonical);

	errno = before;
	if (!ours)
		return path;
	return snprintf(buffer, bytes, "%s/tree%s", ioasis_folder(), canonical) < (int)bytes ? buffer : path;
}
